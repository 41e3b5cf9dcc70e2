"""What `status` and `unlock` read of a cluster that may be half down; an error is an answer."""

from collections.abc import Iterable, Mapping

from kbootstrap.errors import KbError
from kbootstrap.model.cluster import Node
from kbootstrap.model.difference import Difference
from kbootstrap.model.etcd import EtcdMember
from kbootstrap.model.observed import NOTHING, Observed
from kbootstrap.run.control_plane import probe_others
from kbootstrap.run.run import Run
from phases import workflows


def observe(run: Run, nodes: tuple[Node, ...]) -> tuple[Observed, KbError | None]:
    """The cluster, through a control plane that is not among ``nodes`` if none of them answers."""
    try:
        if not run.has_api():
            probe_others(run, nodes)
        return run.observe(), None
    except KbError as error:
        return NOTHING, error


def members(run: Run, observed: Observed) -> tuple[tuple[EtcdMember, ...], KbError | None]:
    """The members of etcd; none while the API cannot be reached."""
    if not observed.reachable:
        return (), None
    try:
        return run.members(), None
    except KbError as error:
        return (), error


def to_do(run: Run, nodes: Iterable[Node]) -> Mapping[str, str]:
    """Node -> the phases of `up` that would change it, for the nodes that were probed."""
    return {node.name: _to_do(run, node) for node in nodes if node.name in run.probes}


def _to_do(run: Run, node: Node) -> str:
    plan = run.plan([node], workflows.up(run.cluster))
    phases = [step.phase.id for step in plan.changes if step.phase.id != "kubeconfig"]
    return ", ".join(phases) or "nothing"


def differences(run: Run, nodes: Iterable[Node]) -> tuple[Difference, ...]:
    """Where the nodes that were probed differ from the inventory."""
    return run.differences([node for node in nodes if node.name in run.probes])

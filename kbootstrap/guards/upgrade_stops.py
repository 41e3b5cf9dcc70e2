"""What an upgrade resets, and what would stop it after nodes were drained; before any change."""

from collections.abc import Iterator
from typing import Any

from kbootstrap import codes, plain_yaml
from kbootstrap.action import Cordon, Detached, Drain
from kbootstrap.engine.plan import Plan
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Taint
from kbootstrap.model.document import Document
from kbootstrap.model.observed import CONTROL_PLANE_LABEL, FOR_UPGRADE, Observed, ObservedNode
from kbootstrap.run.run import Run
from phases import upgrade

_JOB = "CreateJob"  # kubeadm's name of the check
_TARGET = "corednsdeployment"
# Taints that end by themselves, such as that of a node which has just started.
_PASSING = "node.kubernetes.io/"


def note_effects(run: Run, plan: Plan) -> None:
    """Report the fields that the upgrade resets, and nodes that take no pods meanwhile."""
    if not plan.changes:
        return
    for node in run.observe().nodes:
        if node.unschedulable and FOR_UPGRADE not in {node.cordoned_by, node.drained_by}:
            text = "it is cordoned, so it takes no pods of the nodes that are drained"
            run.bus.note(node.name, "upgrade", text)
    api = run.api_connection.api() if any(_kubeadm_runs(plan)) else None
    if api is not None:
        for reset in api.addon_resets(_disabled(run.cluster), _patches(run)):
            run.bus.note("", "upgrade", reset.text)


def _kubeadm_runs(plan: Plan) -> Iterator[str]:
    """The control planes that are to be upgraded; the last one renews the addons."""
    for step in plan.changes:
        if step.phase.id == upgrade.CONTROL_PLANE.id:
            yield from (step.node for action in step.actions if isinstance(action, Detached))


def _disabled(cluster: Cluster) -> set[str]:
    dns = set() if cluster.addons.dns else {"coredns", "kube-dns"}
    return dns | (set() if cluster.addons.kube_proxy else {"kube-proxy"})


def _patches(run: Run) -> Iterator[Document]:
    """The inventory's patches of the Deployment that are parts of it, not lists of operations."""
    for name, text in sorted(run.inputs.patches.items()):
        if name.startswith(_TARGET) and isinstance(found := _loaded(text), dict):
            yield Document.of(found)


def _loaded(text: str) -> Any:
    """None if it is no plain YAML, which kubeadm may take all the same."""
    try:
        return plain_yaml.load(text)
    except ValueError:
        return None


def stops(run: Run, plan: Plan) -> Iterator[Finding]:
    """What would stop the upgrade after nodes were cordoned and drained."""
    yield from _budgets(run, plan)
    if run.cluster.first.name in set(_kubeadm_runs(plan)):
        yield from _job(run.cluster, run.observe(), plan)


def _budgets(run: Run, plan: Plan) -> Iterator[Finding]:
    drained = {a.node for s in plan.changes for a in s.actions if isinstance(a, Drain)}
    api = run.api_connection.api() if drained else None
    pods = api.budgeted_pods() if api is not None else ()
    for node in sorted(drained & {pod.node for pod in pods}):
        lines = sorted(f"{pod.pod}: {pod.budget}" for pod in pods if pod.node == node)
        yield Finding(
            codes.NO_EVICTION,
            f"a drain of {node} would wait for {len(lines)} pods without end",
            detail="\n".join(lines),
        ).at(node, "upgrade")


def _job(cluster: Cluster, observed: Observed, plan: Plan) -> Iterator[Finding]:
    """Kubeadm skips its job if every node is cordoned, and else waits 15 s for it to end.

    cmd/kubeadm/app/phases/upgrade/health.go
    """
    first = cluster.first
    if _JOB in {*first.ignore_preflight, *cluster.kubeadm.ignore_preflight}:
        return
    cordons = (a.node for s in plan.changes for a in s.actions if isinstance(a, Cordon))
    away = first.name if first.name in set(cordons) else ""
    there = [node for node in observed.nodes if not node.unschedulable and node.name != away]
    if there and all(map(_refuses, there)):
        yield Finding(
            codes.NO_HEALTH_JOB,
            f"while {first.name} is upgraded, the other nodes refuse the job",
            detail="\n".join(f"{node.name}: {_refuses(node)}" for node in there),
        ).at(first.name, "upgrade")


def _refuses(node: ObservedNode) -> str:
    """The taint of a node that the job does not tolerate."""
    tolerated = Taint(CONTROL_PLANE_LABEL, "", "NoSchedule")
    for taint in node.taints:
        lasts = not taint.key.startswith(_PASSING) and taint.effect != "PreferNoSchedule"
        if lasts and taint != tolerated:
            return str(taint)
    return ""

"""An external etcd: empty before `up` makes a cluster, reported after a reset."""

from collections.abc import Iterable, Iterator

from kbootstrap import codes
from kbootstrap.engine.phase import AnyPhase
from kbootstrap.errors import Finding, KbError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.etcd import Held, prefix
from kbootstrap.run.api_connection import ApiConnection
from kbootstrap.run.run import Run
from kbootstrap.run.selection import no_control_plane_left
from phases import init


def before_init(run: Run, nodes: Iterable[Node], phases: Iterable[AnyPhase]) -> Iterator[Finding]:
    """KB437 if ``kubeadm init`` is about to meet another cluster's keys."""
    first = run.cluster.first
    if run.cluster.etcd.external is None or first not in nodes or init.PHASE not in phases:
        return
    facts = run.probes[first.name].facts[init.PHASE.id]
    if run.has_api() or facts.here or facts.run != "none":
        return
    try:
        run.api_connection.prove_empty()
    except KbError as error:
        yield error.at(first.name, init.PHASE.id).finding


def check_wipe(cluster: Cluster, *, whole: bool) -> None:
    """Check that --wipe-external-etcd makes sense for this cluster and these nodes.

    Raises:
        RefusedError: KB438, it does not.

    """
    if cluster.etcd.external is None:
        raise RefusedError(
            codes.NOT_WIPED, "this cluster has its own etcd, which is removed with its data"
        )
    if not whole:
        raise RefusedError(codes.NOT_WIPED, "a control plane remains and needs etcd's data")


def before_reset(run: Run, nodes: Iterable[Node]) -> Held | None:
    """What the external etcd holds, if no control plane is left.

    Raises:
        RefusedError: KB438, it is to be wiped and there is no certificate to log in.
        KbError: it is to be wiped and does not answer.

    """
    wipe, external = run.options.wipe_external_etcd, run.cluster.etcd.external
    if external is None or not no_control_plane_left(run.cluster, nodes):
        return None
    held = _held(run.api_connection, prefix(run.cluster), strict=wipe)
    if wipe and held is None:
        message = f"{external.cert_file} is not on {run.cluster.first.name}"
        raise RefusedError(codes.NOT_WIPED, message)
    return held


def _held(access: ApiConnection, at: str, *, strict: bool) -> Held | None:
    etcd = access.external_etcd()
    try:
        return etcd.held(at) if etcd else None
    except KbError:
        if strict:
            raise
        return None


def remains(run: Run, held: Held | None) -> str:
    """What a reset leaves in the external etcd."""
    external, at = run.cluster.etcd.external, prefix(run.cluster)
    if external is None or run.options.wipe_external_etcd or (held and not held.keys):
        return ""
    what = held.text if held else "possibly the cluster's keys (etcd could not be read)"
    return (
        f"left in {external.endpoints[0]}: {what}, below {at}; --wipe-external-etcd, or "
        f"`etcdctl del --prefix {at}/`, removes them"
    )


def report_remaining(run: Run, nodes: Iterable[Node], held: Held | None) -> None:
    """Say what stays in the external etcd when no control plane is left."""
    if no_control_plane_left(run.cluster, nodes) and (message := remains(run, held)):
        run.bus.note("", "", message)

"""An etcd that somebody else runs: empty before `up` makes a cluster, told of after a reset."""

import dataclasses
from collections.abc import Iterable, Iterator

from kbootstrap import codes
from kbootstrap.commands.access import Access
from kbootstrap.commands.session import Session
from kbootstrap.engine.phase import AnyPhase
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.etcd import Held, prefix
from phases import init


def before_init(
    session: Session, nodes: Iterable[Node], phases: Iterable[AnyPhase]
) -> Iterator[KbError]:
    """KB437 if ``kubeadm init`` is about to meet another cluster's keys."""
    first = session.cluster.first
    if session.cluster.etcd.external is None or first not in nodes or init.PHASE not in phases:
        return
    facts = session.snapshots[first.name].facts[init.PHASE.id]
    if session.has_api() or facts.here or facts.run != "none":
        return
    try:
        session.access.prove_empty()
    except KbError as error:
        yield error.at(first.name, init.PHASE.id)


def check_wipe(cluster: Cluster, *, ends: bool) -> None:
    """See that --wipe-external-etcd means something here.

    Raises:
        RefusedError: KB438, it does not.

    """
    if cluster.etcd.external is None:
        raise RefusedError(codes.NOT_WIPED, "this cluster's etcd is its own; it goes with its data")
    if not ends:
        raise RefusedError(codes.NOT_WIPED, "a control plane stays, and needs what etcd holds")


def before_reset(session: Session, *, ends: bool) -> Held | None:
    """What the external etcd holds; with --wipe-external-etcd it is put into the plan.

    Raises:
        RefusedError: KB438, it is to be wiped and there is no way to log in.
        KbError: it is to be wiped and does not answer.

    """
    wipe, external = session.options.wipe_external_etcd, session.cluster.etcd.external
    if external is None or not ends:
        return None
    held = _held(session.access, prefix(session.cluster), strict=wipe)
    if wipe and held is None:
        words = f"{external.cert_file} is not on {session.cluster.first.name}"
        raise RefusedError(codes.NOT_WIPED, words)
    if wipe:
        session.bits = dataclasses.replace(session.bits, wipe=held)
    return held


def _held(access: Access, at: str, *, strict: bool) -> Held | None:
    etcd = access.external_etcd()
    try:
        return etcd.held(at) if etcd else None
    except KbError:
        if strict:
            raise
        return None


def stays(session: Session, held: Held | None) -> str:
    """What a reset leaves in the external etcd."""
    external, at = session.cluster.etcd.external, prefix(session.cluster)
    if external is None or session.options.wipe_external_etcd or (held and not held.keys):
        return ""
    what = held.text if held else "perhaps (it could not be asked) the cluster's keys"
    return (
        f"left in {external.endpoints[0]}: {what}, below {at}; --wipe-external-etcd, or "
        f"`etcdctl del --prefix {at}/`, removes them"
    )

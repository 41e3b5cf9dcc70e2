"""How far a node is in the rotation of the cluster's CAs, by its files and its processes.

Called by the phases of `certs rotate-ca`. Each node goes through `Stage` in order, so that the
cluster always trusts what any of its servers and clients present:
https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/
kubeadm signs with the first certificate of ca.crt (cmd/kubeadm/app/util/pkiutil).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from kbootstrap import kubeadm, pki
from kbootstrap.components import API_SERVER, CONTROLLER_MANAGER, ETCD, SCHEDULER
from kbootstrap.drift import rotation
from kbootstrap.engine.phase import View, fact, like
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.node_paths import CA_ROTATION
from kbootstrap.render import render
from phases import certificates
from phases.ownership import ca_hash

ETC = "/etc/kubernetes"
PKI = kubeadm.PKI
AT_ONCE = 10  # nodes whose kubelets restart at the same time, after the first node
KUBELET = "kubelet"
Component = tuple[str, str, tuple[str, ...]]  # name, pattern of an argument, files read at start


class Stage(Enum):
    """What a node has in its CA files."""

    OLD = 0
    BOTH = 1  # trusts both, signs with the old one
    SIGNS = 2  # trusts both, signs with the new one
    NEW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What templates/rotation/probe.sh.j2 prints for one stage.

    Attributes:
        begun: the node has the old and the new CAs.
        open: what the stage has yet to change or to restart; empty if a later one was begun.

    """

    begun: bool = False
    open: tuple[str, ...] = fact(like("[a-z./-]+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed(Position):
    """Also the certificates on the node, as in `certificates.Facts`.

    Attributes:
        certificate: "path base64" of each.
        next: the new CAs, as "name base64" of the PEM.

    """

    certificate: tuple[str, ...] = ()
    next: tuple[str, ...] = fact(like(r"[a-z/-]+ \S+"))


def names(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """The CAs whose files the node has; an external etcd has its own."""
    if not node.is_control_plane:
        return ("ca",)
    return ("ca", "front-proxy-ca", *(() if cluster.etcd.external else ("etcd/ca",)))


def confs(node: Node) -> tuple[str, ...]:
    """The kubeconfigs with a copy of the CA."""
    plane = ("admin", "super-admin", "controller-manager", "scheduler")
    return tuple(
        f"{ETC}/{name}.conf" for name in (*(plane if node.is_control_plane else ()), KUBELET)
    )


def components(cluster: Cluster, node: Node) -> tuple[Component, ...]:
    """What reads CAs at its start; brackets keep ``grep`` from finding itself."""
    ca = f"{PKI}/ca.crt"
    kubelet = (KUBELET, f"--kubeconfig={ETC}/kubelet.con[f]", (ca,))
    if not node.is_control_plane:
        return (kubelet,)
    etcd, client = f"{PKI}/etcd/ca.crt", f"{PKI}/apiserver-kubelet-client.crt"
    manager = f"{ETC}/manifests/{CONTROLLER_MANAGER}.yaml"
    found = (
        (ETCD, f"--trusted-ca-file={etcd[:-1]}[t]", (etcd,)),
        (API_SERVER, f"--kubelet-client-certificate={client[:-1]}[t]", (ca, etcd, client)),
        (
            CONTROLLER_MANAGER,
            f"--kubeconfig={ETC}/controller-manager.con[f]",
            (ca, manager, f"{ETC}/controller-manager.conf"),
        ),
        (SCHEDULER, f"--kubeconfig={ETC}/scheduler.con[f]", (ca, f"{ETC}/scheduler.conf")),
        kubelet,
    )
    return found if cluster.etcd.external is None else found[1:]


def values(cluster: Cluster, node: Node) -> dict[str, object]:
    """What every template of the rotation needs."""
    return {
        "rotation": CA_ROTATION,
        "names": names(cluster, node),
        "confs": confs(node),
        "components": components(cluster, node),
        "plane": node.is_control_plane,
    }


def probe(cluster: Cluster, node: Node, wanted: Stage) -> str:
    """Read-only."""
    known = values(cluster, node)
    return render("rotation/probe.sh.j2", **known, wanted=wanted.value, signer=signer(wanted))


def signer(wanted: Stage) -> str:
    """The certificate with which the controller manager signs."""
    kind = {Stage.BOTH: "old", Stage.SIGNS: "new"}.get(wanted)
    return f"{CA_ROTATION}/{kind}/ca.crt" if kind else f"{PKI}/ca.crt"


def finished(view: View[Any]) -> bool:
    """Whether the rotation has ended, so that nothing but cleaning up is left."""
    return rotation.finished(view.api, ca_hash(view.ca), view.now)


def lacks(view: View[Any]) -> bool:
    """Whether the node has not come to the end of the stage that was probed."""
    facts: Position = view.facts
    return not finished(view) and (not facts.begun or bool(facts.open))


def probe_next(cluster: Cluster, node: Node, stage: str = "") -> str:
    """Read-only: the certificates on the node, unless the probe ``stage`` found a later one."""
    return render(
        "rotation/next_probe.sh.j2",
        **values(cluster, node),
        stage=stage,
        certificates=certificates.probe(cluster, node),
    )


def by_old_ca(certificate: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """The files whose certificate kubeadm or the controller manager made, but with an old CA."""
    ours = {*certificates.RENEWED, certificates.KUBELET_CLIENT}
    lines = [line.partition(" ")[::2] for line in certificate]
    authorities = [line.partition(" ")[2] for line in new]
    return tuple(
        path
        for path, encoded in lines
        if path in ours
        and not pki.read(encoded).authority
        and not any(pki.issued(encoded, authority) for authority in authorities)
    )

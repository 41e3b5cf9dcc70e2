"""Compares a member's files of kubeadm with the inventory; changes nothing.

Differences and missing files are reported with the command that repairs them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import kubeadm
from kbootstrap.action import Action
from kbootstrap.components import CONTROL_PLANE, ETCD
from kbootstrap.engine.phase import Phase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference
from kbootstrap.render import render
from phases import cni_bridge

ETC = "/etc/kubernetes"
_PAIRS = ("ca", "apiserver", "apiserver-kubelet-client", "front-proxy-ca", "front-proxy-client")
_ETCD_PAIRS = ("etcd/ca", "etcd/server", "etcd/peer", "etcd/healthcheck-client")
_CAS = ("ca", "front-proxy-ca", "etcd/ca", "sa")
_KUBELET = "/var/lib/kubelet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/member/probe.sh.j2 prints on a member.

    Attributes:
        damaged: files that are missing or have unexpected content.
        bridge: the built-in pod network is configured.

    """

    damaged: tuple[str, ...] = ()
    bridge: bool = False


def files(cluster: Cluster, node: Node) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The files that a member of this role must have, by the text each must contain."""
    confs, pems, pods = ["kubelet"], ["ca.crt"], []
    if node.is_control_plane:
        stacked = cluster.etcd.external is None
        pairs = (*_PAIRS, *((*_ETCD_PAIRS, "apiserver-etcd-client") if stacked else ()))
        pems = [f"{name}.{end}" for name in pairs for end in ("crt", "key")]
        pems += ["sa.key", "sa.pub"]
        confs += ["admin", "controller-manager", "scheduler"]
        pods = [*CONTROL_PLANE, *([ETCD] if stacked else [])]
    found = [
        ("-----BEGIN ", tuple(f"{ETC}/pki/{name}" for name in pems)),
        ("kind: Config", tuple(f"{ETC}/{name}.conf" for name in confs)),
        ("kind: KubeletConfiguration", (f"{_KUBELET}/config.yaml",)),
        ("KUBELET_KUBEADM_ARGS", (f"{_KUBELET}/kubeadm-flags.env",)),
        ("kind: Pod", tuple(f"{ETC}/manifests/{name}.yaml" for name in pods)),
    ]
    return tuple((sign, paths) for sign, paths in found if paths)


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    conflist = cni_bridge.CONFLIST
    return render("member/probe.sh.j2", files=files(cluster, node), conflist=conflist)


def plan(view: View[Facts]) -> Iterator[Action]:
    """Nothing; see `drift`."""
    del view
    yield from ()


def drift(view: View[Facts]) -> Iterator[Difference]:
    """Differences of a node that is in the cluster."""
    if view.api.node(view.node.name) is None:
        return
    yield from _damaged(view)
    yield from _network(view)


def _damaged(view: View[Facts]) -> Iterator[Difference]:
    for path in view.facts.damaged:
        yield Difference(
            key=path,
            live="missing or damaged",
            wanted="as kubeadm wrote it",
            node=view.node.name,
            message=f"{path} is missing or damaged",
            remedy=_repair(view.node, path),
        )


def _repair(node: Node, path: str) -> str:
    """The command that recreates a file of kubeadm."""
    name = path.removeprefix(f"{ETC}/").removeprefix("pki/").rpartition(".")[0]
    kind = name.rpartition("/")[2]
    if path.startswith(f"{ETC}/pki/"):
        if name in _CAS:
            return f"copy it from another control plane, or from a backup of {node.name}"
        phase = f"certs {name.replace('/', '-')}"
    elif path.startswith(f"{ETC}/manifests/"):
        phase = "etcd local" if kind == "etcd" else f"control-plane {kind.removeprefix('kube-')}"
    elif path.startswith(_KUBELET):
        return f"on {node.name}: kubeadm upgrade node phase kubelet-config"
    elif not node.is_control_plane:
        return f"kbootstrap replace {node.name}"
    else:
        phase = f"kubeconfig {name}"
    return f"on {node.name}: kubeadm init phase {phase} --config {kubeadm.CONFIG}"


def _network(view: View[Facts]) -> Iterator[Difference]:
    if view.facts.bridge and view.cluster.cni.type != "bridge":
        yield Difference(
            key="cni.type",
            live="bridge",
            wanted=view.cluster.cni.type,
            node=view.node.name,
            remedy=f"another pod network needs an empty node: kbootstrap replace {view.node.name}",
        )


PHASE = Phase(
    id="member",
    title="Files of a member",
    facts=Facts,
    probe=probe,
    plan=plan,
    drift=drift,
    api=True,
)

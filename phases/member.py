"""Compares a member's files of kubeadm and its kubelet with the inventory; changes nothing.

Differences and missing files are reported with the command that repairs them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import kubeadm
from kbootstrap.action import Action
from kbootstrap.artifacts import source_of
from kbootstrap.components import CONTROL_PLANE, ETCD
from kbootstrap.drift import config_of, flags_of, settings
from kbootstrap.engine.phase import Phase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.difference import Difference, shown
from kbootstrap.render import render
from phases import cni_bridge

ETC = "/etc/kubernetes"
_PAIRS = ("ca", "apiserver", "apiserver-kubelet-client", "front-proxy-ca", "front-proxy-client")
_ETCD_PAIRS = ("etcd/ca", "etcd/server", "etcd/peer", "etcd/healthcheck-client")
_CAS = ("ca", "front-proxy-ca", "etcd/ca", "sa")
_KUBELET = "/var/lib/kubelet"
# Flags that kubeadm itself writes to kubeadm-flags.env (cmd/kubeadm/app/phases/kubelet/flags.go).
_KUBEADM_FLAGS = frozenset(
    {
        "cgroup-driver",
        "container-runtime-endpoint",
        "hostname-override",
        "network-plugin",
        "node-ip",
        "pod-infra-container-image",
        "register-with-taints",
        "resolv-conf",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/member/probe.sh.j2 prints on a member.

    Attributes:
        damaged: files that are missing or have unexpected content.
        arg: the command line of the running kubelet.
        flags: the line of kubeadm-flags.env.
        config: the lines of the kubelet's config.yaml.
        bridge: the built-in pod network is configured.

    """

    damaged: tuple[str, ...] = ()
    arg: tuple[str, ...] = ()
    flags: str = ""
    config: tuple[str, ...] = ()
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
    yield from _kubelet_arguments(view)
    yield from _kubelet_config(view)
    yield from _kubelet_path(view)
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
        return f"kbootstrap reset {node.name}, then kbootstrap join {node.name}"
    else:
        phase = f"kubeconfig {name}"
    return f"on {node.name}: kubeadm init phase {phase} --config {kubeadm.CONFIG}"


def _kubelet_arguments(view: View[Facts]) -> Iterator[Difference]:
    facts, node = view.facts, view.node
    for arg in node.kubelet_args:
        if facts.arg and f"--{arg.name}={arg.value}" not in facts.arg:
            live = next((a for a in facts.arg if a.startswith(f"--{arg.name}=")), "")
            yield _argument(node, arg.name, live.partition("=")[2], arg.value)
    wanted = {arg.name for arg in node.kubelet_args} | _KUBEADM_FLAGS
    for word in flags_of(facts.flags):
        name, _, value = word.removeprefix("--").partition("=")
        if name not in wanted:
            yield _argument(node, name, value, "")


def _argument(node: Node, name: str, live: str, wanted: str) -> Difference:
    key = f"kubelet_args.{name}"
    return Difference(key=key, live=shown(live), wanted=shown(wanted), node=node.name)


def _kubelet_config(view: View[Facts]) -> Iterator[Difference]:
    """Settings of the inventory, except those that a patch may change on a node."""
    if any(name.startswith("kubeletconfiguration") for name in view.inputs.patches):
        return
    live = config_of("\n".join(view.facts.config)).data
    if live:
        wanted = view.cluster.kubelet.data
        yield from (
            Difference(key=d.key, live=d.live, wanted=d.wanted, node=view.node.name)
            for d in settings("kubelet", wanted, {k: live.get(k) for k in wanted}, {})
        )


def _kubelet_path(view: View[Facts]) -> Iterator[Difference]:
    """The path of the running kubelet; a packaged one has its own."""
    programs = view.cluster.programs
    wanted = f"{programs.bin_dir}/kubelet"
    live = next((word for word in view.facts.arg if word.endswith("/kubelet")), wanted)
    if live != wanted and source_of(view.cluster).places:
        yield Difference(
            key="programs.bin_dir",
            live=live,
            wanted=wanted,
            node=view.node.name,
            remedy=f"on {view.node.name}: systemctl restart kubelet",
        )


def _network(view: View[Facts]) -> Iterator[Difference]:
    if view.facts.bridge and view.cluster.cni.type != "bridge":
        yield Difference(
            key="cni.type",
            live="bridge",
            wanted=view.cluster.cni.type,
            node=view.node.name,
            remedy=f"another pod network needs an empty one: kbootstrap reset {view.node.name},"
            f" then kbootstrap join {view.node.name}",
        )


PHASE = Phase(
    id="member",
    title="Files and settings of a member",
    facts=Facts,
    probe=probe,
    plan=plan,
    drift=drift,
    api=True,
)

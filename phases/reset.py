"""Take a node out of its cluster, or the whole cluster down.

One node: drained, its etcd member removed, ``kubeadm reset``, its Node object deleted, then
everything that Kubernetes or kbootstrap made removed and every file we
replaced put back from the node's own ledger. Whole cluster: the same without the API.
What others made stays: other containers, other rules, other files.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import codes_etcd
from kbootstrap import codes_phase as codes
from kbootstrap.action import (
    Action,
    Cordon,
    DeleteNode,
    Detached,
    Drain,
    RemoveMember,
    Risk,
    Run,
)
from kbootstrap.engine.phase import Bits, NoFacts, Phase, View, Wait
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.cluster import Cluster, Node, RuntimeType
from kbootstrap.model.etcd import EtcdMember, can_leave, unsettled
from kbootstrap.render import render
from phases import identity

RUN = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What templates/reset/leave_probe.sh.j2 prints."""

    run: str = "none"  # the detached kubeadm reset's own state
    kubernetes: bool = False  # static pods, a kubeconfig, or a kubelet that runs
    kubeadm: bool = False  # the program is there
    marker: str = ""  # the cluster name we left
    ca: tuple[str, ...] = ()

    @property
    def ca_pem(self) -> str:
        """The cluster CA on this machine."""
        return "".join(f"{line}\n" for line in self.ca)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What templates/reset/clean_probe.sh.j2 prints: everything there is to remove."""

    left: tuple[str, ...] = ()  # such as "path /etc/kubernetes" or "link cni0"
    was: tuple[str, ...] = ()  # such as "sysctl net.ipv4.ip_forward 0", from before us


def plan_drain(view: View[NoFacts]) -> Iterator[Action]:
    """Move the workload away, if the cluster stays and knows the node."""
    node = view.api.node(view.node.name)
    if node is None:
        return
    if not node.unschedulable:
        yield Cordon(
            why="nothing new may start there",
            node=node.name,
            effect={"api": {"nodes": view.api.with_node(node.name, unschedulable=True)}},
        )
    if node.name in view.api.busy:
        yield Drain(
            why="the node leaves the cluster",
            node=node.name,
            force=view.bits.force_drain,
            empty_dirs=view.bits.delete_emptydir_data,
            risk=Risk.DISRUPT,
            effect={"api": {"busy": view.api.busy - {node.name}}},
        )


def probe_leave(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del cluster, node
    return render("reset/leave_probe.sh.j2", run=RUN)


def plan_leave(view: View[Present]) -> Iterator[Action]:
    """``kubeadm reset``, if kubeadm is there; the clean-up does without it."""
    facts = view.facts
    if not facts.kubeadm or not (facts.kubernetes or facts.run == "running"):
        return
    yield Detached(
        why="Kubernetes is on the node",
        name=RUN,
        title="kubeadm reset",
        body=render("reset/leave.sh.j2", socket=view.cluster.runtime.socket),
        seconds=600,
        attach=facts.run == "running",
        risk=Risk.DESTROY,
        effect={"kubernetes": False, "run": "ok"},
    )


def check_leave(view: View[Present]) -> Iterator[KbError]:
    """Never reset a node of another cluster."""
    facts = view.facts
    if facts.marker and facts.marker != view.cluster.name:
        yield RefusedError(codes.FOREIGN_CLUSTER, f"the node belongs to cluster {facts.marker!r}")
    elif facts.kubernetes and not facts.marker and facts.ca_pem not in _our_cas(view):
        yield RefusedError(codes.FOREIGN_CLUSTER, "the node holds a cluster that is not ours")


def _our_cas(view: View[Present]) -> set[str]:
    """The CA that the cluster has, or had when the operator's kubeconfig was written."""
    return {view.ca, view.bits.kubeconfig_ca} - {""}


def plan_member(view: View[NoFacts]) -> Iterator[Action]:
    """Have its etcd member leave: kubeadm goes on silently where it cannot (section 5.2)."""
    for member in _members(view):
        others = tuple(m for m in view.api.etcd or () if m != member)
        yield RemoveMember(
            why="a member that is down counts against the quorum",
            member=member.id,
            name=member.label,
            risk=Risk.DISRUPT,
            effect={"api": {"etcd": others}},
        )


def check_member(view: View[NoFacts]) -> Iterator[KbError]:
    """Never take the quorum away, unless the user lets the cluster go."""
    for member in _members(view):
        if not can_leave(view.api.etcd or (), member.id) and not view.bits.destroy:
            yield RefusedError(
                codes_etcd.QUORUM,
                f"without {member.label} etcd has no quorum",
                detail="\n".join(unsettled(view.api.etcd or ())),
            )


def _members(view: View[NoFacts]) -> tuple[EtcdMember, ...]:
    return tuple(m for m in view.api.etcd or () if m.name == view.node.name)


def plan_node(view: View[NoFacts]) -> Iterator[Action]:
    """Kubeadm leaves the Node object behind (contract, section 11.15)."""
    if view.api.node(view.node.name) is not None:
        nodes = tuple(n for n in view.api.nodes if n.name != view.node.name)
        yield DeleteNode(
            why="kubeadm reset leaves it",
            node=view.node.name,
            risk=Risk.DISRUPT,
            effect={"api": {"nodes": nodes}},
        )


_HEX = "[0-9a-f]" * 5  # lxcbr0, for one, is somebody else's
# What the kubelet, kube-proxy and the pod networks we know make; * as in a shell.
LINKS = (
    *("cni0", "kube-ipvs0", "nodelocaldns", "flannel.*", "flannel-*", "vxlan.calico"),
    *("vxlan-v6.calico", "cilium_*", f"cali{_HEX}*", f"lxc{_HEX}*"),
)
CHAINS = ("KUBE-", "CNI-", "FLANNEL-", "CILIUM_", "cali-")
TOOLS = tuple(f"{family}{kind}" for family in ("iptables", "ip6tables") for kind in ("", "-legacy"))

# Folders whose content is Kubernetes' alone, but which may be mount points.
_EMPTIED = ("/var/lib/kubelet", "/var/lib/etcd", "/var/log/pods", "/var/log/containers")


def _values(cluster: Cluster, node: Node) -> dict[str, object]:
    stacked = node.is_control_plane and cluster.etcd.external is None
    return {
        "etcd_dir": cluster.etcd.data_dir if stacked else "",
        "runtime": cluster.runtime.unit,
        "socket": cluster.runtime.socket,
        "crio": cluster.runtime.type is RuntimeType.CRIO,
        "before": identity.BEFORE,
        "links": LINKS,
        "chains": CHAINS,
        "tools": TOOLS,
        "folders": [folder for folder in identity.SHARED_FOLDERS if folder not in _EMPTIED],
    }


def probe_clean(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return render("reset/clean_probe.sh.j2", **_values(cluster, node))


def plan_clean(view: View[Left]) -> Iterator[Action]:
    """Remove what is left and put back what was there before us."""
    if view.facts.was and view.bits.restore_host:
        yield Run(
            why="--restore-host",
            title="put the running values back: " + ", ".join(_old(view.facts)),
            covers=tuple(f"put back {old}" for old in _old(view.facts)),
            body=render("reset/restore_host.sh.j2"),
            risk=Risk.DISRUPT,
            effect={"was": ()},
        )
    if view.facts.left:
        yield Run(
            why="found: " + ", ".join(view.facts.left),
            title="remove what Kubernetes and kbootstrap made, put back what was there before",
            body=render("reset/clean.sh.j2", **_values(view.cluster, view.node)),
            risk=Risk.DESTROY,
            effect={"left": ()},
        )


def _old(facts: Left) -> Iterator[str]:
    for line in facts.was:
        kind, name, value = line.split(" ", 2)
        yield {"sysctl": f"{name}={value}", "swap": f"swap on {name}"}.get(kind, f"no {name}")


def kept(cluster: Cluster, facts: Left, bits: Bits) -> Iterator[str]:
    """What a reset leaves on the machine, and why."""
    yield f"images and packages of {cluster.runtime.type} (they may serve others)"
    if facts.was and not bits.restore_host:
        old = ", ".join(_old(facts))
        yield f"running values, before us: {old} (others may need them; see --restore-host)"


DRAIN = Phase(id="drain", title="Drain", facts=NoFacts, plan=plan_drain, api=True)

# One etcd member at a time, so that the others can agree.
MEMBER = Phase(
    id="etcd-member",
    title="Leave etcd",
    facts=NoFacts,
    plan=plan_member,
    check=check_member,
    on=lambda cluster, node: node.is_control_plane and cluster.etcd.external is None,
    waits=(("etcd-member", Wait.EARLIER),),
    api=True,
)

LEAVE = Phase(
    id="leave",
    title="Leave the cluster",
    facts=Present,
    probe=probe_leave,
    plan=plan_leave,
    check=check_leave,
)

NODE_OBJECT = Phase(id="node-object", title="Node object", facts=NoFacts, plan=plan_node, api=True)

CLEAN = Phase(
    id="clean", title="Clean up", facts=Left, probe=probe_clean, plan=plan_clean, noted=False
)

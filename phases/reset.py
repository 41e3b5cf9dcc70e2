"""Removes a node from its cluster, or the whole cluster.

A node is drained, its etcd member removed, ``kubeadm reset`` run, its Node object deleted, then
its files are cleaned up (phases/reset_clean.py). The whole cluster is reset in the same way
without the API. A node that is not known to belong to the cluster is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import codes, node_paths
from kbootstrap.action import (
    Action,
    Cordon,
    DeleteNode,
    Detached,
    Drain,
    PutFile,
    RemoveMember,
    Risk,
    Run,
)
from kbootstrap.engine.phase import NoFacts, Phase, View, Wait
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.etcd import EtcdMember, can_leave, node_of, unsettled
from kbootstrap.render import render
from phases import ownership

RUN = "reset"
ASIDE = f"{node_paths.STATE_DIR}/aside"  # earlier files, while kubeadm empties their directories


@dataclass(frozen=True, slots=True, kw_only=True)
class Present(ownership.Record):
    """What templates/reset/leave_probe.sh.j2 prints."""

    run: str = "none"  # state of the detached kubeadm reset
    unit: tuple[str, ...] = ()  # other detached runs that have not ended
    kubernetes: bool = False  # static pods, a kubeconfig, or a running kubelet
    kubeadm: bool = False  # the binary exists
    found: tuple[str, ...] = ()  # what may belong to others, unless the node is known


def plan_drain(view: View[NoFacts]) -> Iterator[Action]:
    """Drain the node, if the cluster remains and has the node."""
    node = view.api.node(view.node.name)
    if node is None:
        return
    if not node.unschedulable:
        yield Cordon(
            why="no new pods may start there",
            node=node.name,
            effect={"api": {"nodes": view.api.with_node(node.name, unschedulable=True)}},
        )
    if node.name in view.api.busy:
        yield Drain(
            why="the node leaves the cluster",
            node=node.name,
            force=view.options.force_drain,
            empty_dirs=view.options.delete_emptydir_data,
            risk=Risk.DISRUPT,
            effect={"api": {"busy": view.api.busy - {node.name}}},
        )


def probe_leave(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del node
    data = (
        ("static pod manifests", "/etc/kubernetes/manifests"),
        ("kubelet data", "/var/lib/kubelet/pods"),
        ("kubelet data", "/var/lib/kubelet/pki"),
        ("kubelet data", "/var/lib/kubelet/config.yaml"),
        ("etcd data", cluster.etcd.data_dir),
    )
    return render(
        "reset/leave_probe.sh.j2",
        run=RUN,
        marker=node_paths.CLUSTER_NAME,
        ca=ownership.CA_FILE,
        data=data,
    )


def plan_leave(view: View[Present]) -> Iterator[Action]:
    """``kubeadm reset``, if kubeadm is installed; the clean-up does not need it."""
    facts = view.facts
    if facts.unit:
        yield Run(
            why="they would continue after the clean-up",
            title="stop commands of an earlier run: " + ", ".join(facts.unit),
            body=render("reset/stop_units.sh.j2", run=RUN),
            risk=Risk.DISRUPT,
            # They may have created files, which kubeadm reset then removes.
            effect={"unit": ()} | ({"kubernetes": True} if facts.kubeadm else {}),
        )
    if facts.marker != view.cluster.name and ownership.is_ours(view):
        yield PutFile(
            why="kubeadm reset removes the CA that identifies this node",
            path=node_paths.CLUSTER_NAME,
            body=f"{view.cluster.name}\n",
            mode=0o600,
            effect={"marker": view.cluster.name},
        )
    if not facts.kubeadm or not (facts.kubernetes or facts.unit or facts.run == "running"):
        return
    yield Detached(
        why="Kubernetes is on the node",
        name=RUN,
        title="kubeadm reset",
        body=render(
            "reset/leave.sh.j2",
            socket=view.cluster.runtime.socket,
            before=node_paths.BEFORE,
            aside=ASIDE,
        ),
        seconds=600,
        attach=facts.run == "running",
        risk=Risk.DESTROY,
        effect={"kubernetes": False, "run": "ok"},
    )


def check_leave(view: View[Present]) -> Iterator[Finding]:
    """Refuse a node of another cluster, and files of unknown origin."""
    facts = view.facts
    refusals = [*ownership.foreign(view)]
    yield from refusals
    if not refusals and (facts.kubernetes or facts.found) and not ownership.is_ours(view):
        yield Finding(
            codes.FOREIGN_CLUSTER,
            f"the node has files that are not known to belong to {view.cluster.name!r}",
            detail="found: " + ", ".join(facts.found),
        )


def plan_member(view: View[NoFacts]) -> Iterator[Action]:
    """Remove the node's etcd member, since kubeadm reset ignores failures of that."""
    for member in _members(view):
        others = tuple(m for m in view.api.etcd or () if m != member)
        yield RemoveMember(
            why="a stopped member counts against the quorum",
            member=member.id,
            name=member.label,
            risk=Risk.DISRUPT,
            effect={"api": {"etcd": others}},
        )


def check_member(view: View[NoFacts]) -> Iterator[Finding]:
    """Refuse to break quorum, unless the user gives up the cluster."""
    for member in _members(view):
        if not can_leave(view.api.etcd or (), member.id) and not view.options.destroy_cluster:
            yield Finding(
                codes.QUORUM,
                f"without {member.label} etcd has no quorum",
                detail="\n".join(unsettled(view.api.etcd or ())),
            )


def _members(view: View[NoFacts]) -> tuple[EtcdMember, ...]:
    return tuple(m for m in view.api.etcd or () if node_of(m, view.cluster) == view.node)


def plan_node(view: View[NoFacts]) -> Iterator[Action]:
    """Delete the Node object, which kubeadm reset does not."""
    if view.api.node(view.node.name) is not None:
        nodes = tuple(n for n in view.api.nodes if n.name != view.node.name)
        yield DeleteNode(
            why="kubeadm reset does not delete it",
            node=view.node.name,
            risk=Risk.DISRUPT,
            effect={"api": {"nodes": nodes}},
        )


DRAIN = Phase(id="drain", title="Drain", facts=NoFacts, plan=plan_drain, api=True)

# One etcd member at a time, so that the others retain quorum.
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

"""Pulls the images that kubeadm lists, before a step waits for them."""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import kubeadm
from kbootstrap.action import Action, Detached
from kbootstrap.engine.phase import Phase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render

SECONDS = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the probe prints.

    Attributes:
        joined: the node is a member; its kubelet pulls its images.
        present: the runtime has every image that kubeadm lists for this node.

    """

    joined: bool = False
    present: bool = False


def _only(node: Node) -> str:
    """The images of kubeadm's list that a node needs, as a ``case`` pattern."""
    return "*" if node.is_control_plane else "*/kube-proxy:*|*/pause:*|*/coredns:*"


def probe(cluster: Cluster, node: Node, beyond: str = "") -> str:
    """Read-only; runs kubeadm and crictl only on a node that has not joined.

    With ``beyond`` also on members, until their kubelet is that version.
    """
    del cluster
    return render(
        "kubeadm/images_probe.sh.j2", config=kubeadm.CONFIG, only=_only(node), beyond=beyond
    )


def plan(view: View[Facts]) -> Iterator[Action]:
    """Pull what is missing; detached, since a slow pull may outlive the connection."""
    if view.facts.joined or view.facts.present:
        return
    what = "all images" if view.node.is_control_plane else "kube-proxy, pause and coredns"
    yield Detached(
        why="images are missing",
        name="images",
        title=f"pull {what} from {view.cluster.images.repository}",
        body=render("kubeadm/pull.sh.j2", config=kubeadm.CONFIG, only=_only(view.node)),
        seconds=SECONDS,
        effect={"present": True},
    )


PHASE = Phase(id="images", title="Images", facts=Facts, probe=probe, plan=plan)

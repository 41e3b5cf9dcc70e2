"""Labels and taints the inventory asks for; those others set stay."""

from collections.abc import Iterator

from kbootstrap.action import Action, SetNodeMeta
from kbootstrap.engine.phase import NoFacts, Phase, View
from kbootstrap.model.cluster import Cluster, Node, Taint
from kbootstrap.model.observed import ObservedNode


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Set what is missing. kubeadm sets the taints of a node that has yet to join."""
    node = view.api.node(view.node.name)
    have = dict(node.labels) if node else {}
    labels = tuple((k, v) for k, v in view.node.labels if have.get(k) != v)
    taints = tuple(t for t in view.node.taints or () if node and t not in node.taints)
    if labels or taints:
        yield SetNodeMeta(
            why="the node lacks them",
            node=view.node.name,
            labels=labels,
            taints=taints,
            effect={"api": {"nodes": _after(view, labels, taints)}},
        )


def _after(
    view: View[NoFacts], labels: tuple[tuple[str, str], ...], taints: tuple[Taint, ...]
) -> tuple[ObservedNode, ...]:
    node = view.api.node(view.node.name)
    old_labels, old_taints = (node.labels, node.taints) if node else ((), view.node.taints or ())
    return view.api.with_node(
        view.node.name, labels=(*old_labels, *labels), taints=(*old_taints, *taints)
    )


def _wanted(cluster: Cluster, node: Node) -> bool:
    del cluster
    return bool(node.labels or node.taints)


PHASE = Phase(
    id="labels", title="Labels and taints", facts=NoFacts, plan=plan, on=_wanted, api=True
)

"""Sets the inventory's labels and taints; those set by others are retained.

Annotations of the Node record which of them are the inventory's, so that one that is removed
from the inventory is removed from the node.
"""

from collections.abc import Iterator

from kbootstrap.action import Action, SetNodeMeta
from kbootstrap.engine.phase import NoFacts, Phase, View
from kbootstrap.model.cluster import Node, Taint
from kbootstrap.model.observed import CONTROL_PLANE_LABEL, ObservedNode

CONTROL_PLANE_TAINT = Taint(CONTROL_PLANE_LABEL, "", "NoSchedule")  # kubeadm's default


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Set what is missing, remove what is no longer in the inventory."""
    node, name = view.node, view.node.name
    seen = view.api.node(name) or ObservedNode(name=name, ready=False, taints=node.taints or ())
    labels, taints = _to_set(node, seen)
    old_labels, old_taints = _to_drop(node, seen)
    our_labels = tuple(key for key, _ in node.labels)
    our_taints = tuple(map(str, node.taints or ()))
    recorded = (seen.our_labels, seen.our_taints) == (our_labels, our_taints)
    if recorded and not (labels or taints or old_labels or old_taints):
        return
    kept = [(k, v) for k, v in seen.labels if k not in {*old_labels, *dict(labels)}]
    changes = {
        "labels": (*kept, *labels),
        "taints": (*(t for t in seen.taints if t not in old_taints), *taints),
        "our_labels": our_labels,
        "our_taints": our_taints,
    }
    yield SetNodeMeta(
        why="they differ from the inventory",
        node=name,
        labels=labels,
        taints=taints,
        old_labels=old_labels,
        old_taints=old_taints,
        our_labels=our_labels,
        our_taints=our_taints,
        effect={"api": {"nodes": view.api.with_node(name, **changes)}},
    )


def _to_set(
    node: Node, seen: ObservedNode
) -> tuple[tuple[tuple[str, str], ...], tuple[Taint, ...]]:
    """Labels and taints to set; kubeadm sets the taints of a node that has yet to join."""
    have = dict(seen.labels)
    labels = tuple((key, value) for key, value in node.labels if have.get(key) != value)
    return labels, tuple(t for t in node.taints or () if t not in seen.taints)


def _to_drop(node: Node, seen: ObservedNode) -> tuple[tuple[str, ...], tuple[Taint, ...]]:
    """What the inventory set before; of a node with `taints`, kubeadm's own taint too."""
    wanted, have = dict(node.labels), dict(seen.labels)
    labels = tuple(key for key in seen.our_labels if key in have and key not in wanted)
    said = set(node.taints or ())
    ours = {t for t in seen.taints if str(t) in seen.our_taints}
    if node.taints is not None:
        ours |= {CONTROL_PLANE_TAINT} & set(seen.taints)
    return labels, tuple(t for t in seen.taints if t in ours - said)


PHASE = Phase(id="labels", title="Labels and taints", facts=NoFacts, plan=plan, api=True)

"""The node is Ready and the API server's /readyz answers."""

from collections.abc import Iterator

from kbootstrap.action import Action, AwaitReady
from kbootstrap.engine.phase import NoFacts, Phase, View


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Wait, if it is not so; without a pod network only for the node's registration."""
    node = view.api.node(view.node.name)
    network = view.cluster.cni.type != "none"
    settled = node is not None and (node.ready or (not network and "cni" in node.reason.lower()))
    if not settled or not view.api.ready:
        yield AwaitReady(
            why="workloads can run only then",
            node=view.node.name,
            network=network,
            effect={
                "api": {"ready": True, "nodes": view.api.with_node(view.node.name, ready=True)}
            },
        )


PHASE = Phase(id="ready", title="Node Ready", facts=NoFacts, plan=plan, api=True)

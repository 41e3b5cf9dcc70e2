"""Undoes an interrupted change of a control plane whose API server does not answer.

A node that reboots in the middle of a change may have a manifest with which the API server does
not start, and nothing else can be planned without an API.
"""

from collections.abc import Iterator

from kbootstrap.action import Action, Risk, Run
from kbootstrap.engine.phase import Phase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render
from phases import control_plane
from phases.control_plane import Interrupted


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return control_plane.probe(cluster, node, brief=True)


def plan(view: View[Interrupted]) -> Iterator[Action]:
    """Put the old files back, unless the change is still running: it undoes itself."""
    facts = view.facts
    names = tuple(name for name in control_plane.names(view.cluster) if name in facts.open)
    if not names or facts.busy:
        return
    yield Run(
        why="a change was interrupted, and the API server does not answer",
        title=f"put the old settings back: {', '.join(names)}; restart the kubelet if the API"
        " server does not start",
        covers=tuple(f"put {name} back" for name in names),
        body=render(
            "control_plane/put_back.sh.j2",
            names=names,
            **control_plane.common(view.cluster, view.node),
        ),
        risk=Risk.RESTART,
        effect={"open": ()},
    )


PHASE = Phase(
    id="control-plane-repair",
    title="Interrupted settings undone",
    facts=Interrupted,
    probe=probe,
    plan=plan,
    on=control_plane.on,
)

"""Writes the admin kubeconfig beside the inventory."""

from collections.abc import Iterator

from kbootstrap.action import Action, WriteKubeconfig
from kbootstrap.engine.phase import NoFacts, Phase, View, on_first


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Write it if it is missing or has another CA."""
    if not view.inputs.kubeconfig:
        return
    if not view.ca or view.local.kubeconfig_ca != view.ca:
        yield WriteKubeconfig(
            why="there is none of this cluster",
            path=view.inputs.kubeconfig,
        )


PHASE = Phase(
    id="kubeconfig",
    title="Kubeconfig for the operator",
    facts=NoFacts,
    plan=plan,
    on=on_first,
    api=True,
)

"""The admin kubeconfig, written for the operator beside the inventory."""

from collections.abc import Iterator

from kbootstrap.action import Action, WriteKubeconfig
from kbootstrap.engine.phase import NoFacts, Phase, View, on_first


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Write it when there is none, or one of another CA."""
    if not view.inputs.kubeconfig:
        return
    if not view.ca or view.local.kubeconfig_ca != view.ca:
        yield WriteKubeconfig(
            why="there is none of this cluster here",
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

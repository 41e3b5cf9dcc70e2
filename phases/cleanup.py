"""No bootstrap token and no uploaded certificate of ours stays behind."""

from collections.abc import Iterator

from kbootstrap.action import Action, DropCerts, DropTokens
from kbootstrap.engine.phase import NoFacts, Phase, View, Wait
from phases.init import finished, unfinished

INIT = "init"  # the owner noted in the token kubeadm init makes


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Delete what an interrupted run left, and the token kubeadm init always makes."""
    api, name = view.api, view.node.name
    first = view.node == view.cluster.first
    owners = api.token_owners
    if name in owners:
        owners = owners - {name}
        yield DropTokens(
            why="a join of this node left it", node=name, effect={"api": {"token_owners": owners}}
        )
    if first and (INIT in owners or unfinished(view)):
        after = {"api": {**finished(view), "token_owners": owners - {INIT}}}
        yield DropTokens(why="kubeadm init makes one", node=INIT, effect=after)
    if view.node.is_control_plane and api.certs_uploaded:
        yield DropCerts(why="a join left them", effect={"api": {"certs_uploaded": False}})


# A join under way needs its certificates, so this comes after all of them.
PHASE = Phase(
    id="cleanup",
    title="Tokens and certificates removed",
    facts=NoFacts,
    plan=plan,
    waits=(("join-control-plane", Wait.ALL),),
    api=True,
)

"""No bootstrap token and no uploaded certificate of ours stays behind."""

from collections.abc import Iterator

from kbootstrap.action import Action, DeleteCerts, DeleteTokens
from kbootstrap.engine.phase import Phase, View, Wait
from kbootstrap.model.cluster import Cluster, Node
from phases.init import Progress, Standing, finished, holds, progress, standing

INIT = "init"  # the owner noted in the token kubeadm init makes


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only; how far init is, on the node that runs it."""
    return progress(cluster, node) if node == cluster.first else ""


def plan(view: View[Progress]) -> Iterator[Action]:
    """Delete what an interrupted run left, and the token kubeadm init always makes."""
    api, name = view.api, view.node.name
    owners = api.token_owners
    if name in owners:
        owners = owners - {name}
        yield DeleteTokens(
            why="a join of this node left it", node=name, effect={"api": {"token_owners": owners}}
        )
    if view.node == view.cluster.first and (INIT in owners or _init_is_due(view)):
        after = {**finished(view), "token_owners": owners - {INIT}}
        yield DeleteTokens(
            why="kubeadm init makes one", node=INIT, effect={"run": "ok", "api": after}
        )
    if view.node.is_control_plane and api.certs_uploaded:
        yield DeleteCerts(why="a join left them", effect={"api": {"certs_uploaded": False}})


def _init_is_due(view: View[Progress]) -> bool:
    """Whether an init of this run is to make its token yet."""
    due = {Standing.FRESH, Standing.RUNNING, Standing.CUT_SHORT}
    return holds(view) and standing(view) in due


# A join under way needs its certificates, so this comes after all of them.
PHASE = Phase(
    id="cleanup",
    title="Tokens and certificates removed",
    facts=Progress,
    probe=probe,
    plan=plan,
    waits=(("join-control-plane", Wait.ALL),),
    api=True,
)

"""Deletes bootstrap tokens and uploaded certificates that kbootstrap made."""

from collections.abc import Iterator

from kbootstrap.action import Action, DeleteCerts, DeleteTokens
from kbootstrap.engine.phase import Phase, View, Wait
from kbootstrap.model.cluster import Cluster, Node
from phases.init import Progress, Standing, finished, holds, progress, standing

INIT = "init"  # the owner recorded in the token of kubeadm init


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only; the progress of init, on the node that runs it."""
    return progress(cluster, node) if node == cluster.first else ""


def plan(view: View[Progress]) -> Iterator[Action]:
    """Delete leftovers of an interrupted run, and the token that kubeadm init always makes."""
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
    """Whether an init in this run will still make its token."""
    due = {Standing.FRESH, Standing.RUNNING, Standing.INTERRUPTED}
    return holds(view) and standing(view) in due


# A running join needs its certificates, so this phase waits for all joins.
PHASE = Phase(
    id="cleanup",
    title="Tokens and certificates removed",
    facts=Progress,
    probe=probe,
    plan=plan,
    waits=(("join-control-plane", Wait.ALL),),
    api=True,
)

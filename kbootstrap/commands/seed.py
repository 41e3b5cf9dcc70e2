"""Finds the control plane to go through, and contacts no more nodes for it than it must."""

from kbootstrap import codes
from kbootstrap.commands.session import Session
from kbootstrap.errors import RefusedError
from kbootstrap.model.cluster import Node
from phases import identity, init


def find_seed(session: Session, nodes: tuple[Node, ...]) -> None:
    """Make sure there is a control plane to join through, or that none was ever made.

    A first control plane that holds nothing may be new, or one that lost its disk: before
    it is initialised every other control plane is asked whether it holds the cluster.

    Raises:
        RefusedError: KB404, no control plane is up and none is about to be made.

    """
    first = session.cluster.first
    makes = first in nodes and session.options.verb != "join"
    if session.has_api() or (makes and _holds(session, first)):
        return
    if not ask_others(session, nodes) and not makes and not session.errors:
        raise RefusedError(codes.NO_CONTROL_PLANE, "no control plane of the inventory is up")


def find_remaining(session: Session, nodes: tuple[Node, ...]) -> None:
    """Make sure there is a control plane that stays when ``nodes`` leave.

    Raises:
        RefusedError: KB406, none answers.

    """
    if not ask_others(session, nodes):
        raise RefusedError(
            codes.NO_API, "no control plane that stays answers", detail=_reasons(session, nodes)
        )


def ask_others(session: Session, nodes: tuple[Node, ...]) -> bool:
    """Ask one control plane after the other until the API answers; forget who did not."""
    names = {node.name for node in nodes}
    for node in session.cluster.control_planes:
        if node not in nodes:
            session.survey([node])
            if session.has_api():
                session.errors = [e for e in session.errors if e.where.node in names]
                return True
    return False


def _reasons(session: Session, nodes: tuple[Node, ...]) -> str:
    names = {node.name for node in nodes}
    others = [error for error in session.errors if error.where.node not in names]
    session.errors = [error for error in session.errors if error not in others]
    return "\n".join(f"{error.where.node}: {error.message}" for error in others)


def _holds(session: Session, node: Node) -> bool:
    """Whether an init was begun there; also when it could not be looked at."""
    snapshot = session.snapshots.get(node.name)
    if snapshot is None:
        return True
    facts = snapshot.facts
    return bool(facts[identity.PHASE.id].holds_cluster or facts[init.PHASE.id].run != "none")

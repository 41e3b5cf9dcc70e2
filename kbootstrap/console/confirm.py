"""The questions before a change that cannot be undone."""

import sys

from kbootstrap import codes
from kbootstrap.action import Risk
from kbootstrap.engine.plan import Plan
from kbootstrap.errors import RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.options import RunOptions


def ask(what: str, wanted: str) -> None:
    """Ask the user to type ``wanted``.

    Raises:
        RefusedError: KB405, the answer was another one, or none (Ctrl-D), or there is no terminal.

    """
    if not sys.stdin.isatty():
        raise RefusedError(
            codes.NOT_CONFIRMED, f"cannot ask for confirmation (no terminal): {what}"
        )
    try:
        answer = input(f"{what[0].upper()}{what[1:]}. Type {wanted} to continue: ")
    except EOFError as error:
        raise RefusedError(codes.NOT_CONFIRMED, "the question was not answered") from error
    if answer.strip() != wanted:
        raise RefusedError(codes.NOT_CONFIRMED, f"{answer.strip()!r} is not {wanted!r}")


def confirm_resets(options: RunOptions, cluster: Cluster, plan: Plan) -> None:
    """Ask before `up` removes data, even if only that of a half-done join.

    Raises:
        RefusedError: KB405, the answer was no, or there is no terminal.

    """
    if plan.risk is not Risk.DESTROY or options.dry_run or options.yes:
        return
    nodes = (s.node for s in plan.changes if any(a.risk is Risk.DESTROY for a in s.actions))
    ask(f"this runs kubeadm reset on {', '.join(dict.fromkeys(nodes))}", cluster.name)


def confirm_reset(options: RunOptions, cluster: Cluster, nodes: tuple[Node, ...]) -> None:
    """Ask for the cluster's name before the cluster is removed, else for the nodes' names.

    Raises:
        RefusedError: KB405, the answer was another one, or there is no terminal.

    """
    whole = set(cluster.control_planes) <= set(nodes)
    if options.yes and (options.destroy_cluster or not whole):
        return
    wanted = cluster.name if whole else ",".join(node.name for node in nodes)
    what = f"the whole cluster {cluster.name}, with all its data" if whole else wanted
    if options.yes:
        raise RefusedError(codes.NOT_CONFIRMED, f"this removes {what}; --yes is not enough")
    ask(f"this removes {what}", wanted)

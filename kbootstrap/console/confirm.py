"""The questions before a change that cannot be undone."""

import sys
from collections.abc import Callable

from kbootstrap import codes
from kbootstrap.action import Risk
from kbootstrap.engine.plan import Plan
from kbootstrap.errors import RefusedError
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.observed import Observed
from kbootstrap.options import RunOptions
from kbootstrap.visible import one_line

Observe = Callable[[], Observed]
_DISTURBS = {Risk.RESTART: "restarts services", Risk.DISRUPT: "moves or stops pods"}


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
        question = one_line(f"{what[0].upper()}{what[1:]}")
        answer = input(f"{question}. Type {wanted} to continue: ")
    except EOFError as error:
        raise RefusedError(codes.NOT_CONFIRMED, "the question was not answered") from error
    if answer.strip() != wanted:
        raise RefusedError(codes.NOT_CONFIRMED, f"{answer.strip()!r} is not {wanted!r}")


def confirm_up(options: RunOptions, cluster: Cluster, plan: Plan, observe: Observe) -> None:
    """Ask before `up` removes data, even if only that of a half-done join, or disturbs a member.

    On a node that is not in the cluster yet nothing is disturbed, so a new cluster asks nothing.

    Args:
        options: of the command.
        cluster: whose name is the answer if data is removed.
        plan: as it was printed.
        observe: reads the cluster; only asked if something in the plan disturbs a node.

    Raises:
        RefusedError: KB405, the answer was no, or there is no terminal.

    """
    if options.dry_run or options.yes:
        return
    if plan.risk is Risk.DESTROY:
        ask(f"this runs kubeadm reset on {_where(plan, Risk.DESTROY)}", cluster.name)
        return
    if plan.risk is Risk.NONE:
        return
    members = {node.name for node in observe().nodes}
    live = Plan(tuple(step for step in plan.changes if step.node in members))
    if live.risk is not Risk.NONE:
        where = _where(live, Risk.RESTART)
        ask(f"this {_DISTURBS[live.risk]} of the running cluster: {where}", "yes")


def confirm_adoption(options: RunOptions, cluster: Cluster, plan: Plan) -> None:
    """Ask before kbootstrap manages a cluster that it did not make.

    Raises:
        RefusedError: KB405, the answer was no, or there is no terminal.

    """
    if options.adopt and plan.changes and not options.dry_run and not options.yes:
        ask(f"kbootstrap will manage cluster {cluster.name} with the CA {cluster.ca_hash}", "yes")


def _where(plan: Plan, least: Risk) -> str:
    """The nodes with an action of at least this risk."""
    nodes = (s.node for s in plan.changes if any(a.risk >= least for a in s.actions))
    return ", ".join(dict.fromkeys(nodes))


def confirm_restore(options: RunOptions, cluster: Cluster, plan: Plan, snapshot: str) -> None:
    """Ask before etcd's data is replaced by that of a file.

    Raises:
        RefusedError: KB405, the answer was no, or there is no terminal.

    """
    if plan.changes and not options.dry_run and not options.yes:
        ask(f"this puts etcd of cluster {cluster.name} back to {snapshot}", cluster.name)


def confirm_restarts(options: RunOptions, plan: Plan) -> None:
    """Ask before services of a running cluster are restarted.

    Raises:
        RefusedError: KB405, the answer was no, or there is no terminal.

    """
    if plan.risk >= Risk.RESTART and not options.dry_run and not options.yes:
        ask(f"this restarts services of the running cluster: {_where(plan, Risk.RESTART)}", "yes")


def confirm_replace(options: RunOptions, node: Node, plan: Plan) -> None:
    """Ask for the node's name before it leaves the cluster.

    Raises:
        RefusedError: KB405, the answer was another one, or there is no terminal.

    """
    if plan.changes and not options.dry_run and not options.yes:
        ask(f"this removes {node.name} from the cluster and joins it again", node.name)


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

"""Workers that do not answer are left out of a run, which does the rest of its plan.

The plan and the end of the run name them, and the exit status is 5 (`Report.ended`). Whatever else
prevents a probe stops the run: a control plane that does not answer may hold the cluster, and a
wrong host key or login may be an attack or a mistake in the inventory.
"""

from kbootstrap import codes
from kbootstrap.codes import LOST
from kbootstrap.errors import KbError
from kbootstrap.model.cluster import Node
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run

_AWAY = (codes.UNREACHABLE, LOST)


def absent(run: Run, nodes: tuple[Node, ...]) -> tuple[KbError, ...]:
    """The errors of the workers among ``nodes`` that can be left out; none if the run has to stop.

    A run stops if another error happened, if no node would be left, with ``--all-or-nothing``,
    and for `join`, whose nodes were named.
    """
    options, found = run.options, tuple(run.errors)
    workers = {node.name for node in nodes if not node.is_control_plane}
    strict = options.all_or_nothing or options.verb == "join" or len(found) >= len(nodes)
    if strict or any(e.code not in _AWAY or e.where.node not in workers for e in found):
        return ()
    return found


def answering(run: Run, report: Report, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """``nodes`` without those that are left out from now on."""
    found = absent(run, nodes)
    report.leave_out(found)
    run.errors = [error for error in run.errors if error not in found]
    names = {error.where.node for error in found}
    return tuple(node for node in nodes if node.name not in names)

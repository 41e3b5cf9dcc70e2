"""What is found before a command changes anything: nodes that were not reached, and all checks.

`kbootstrap.run.report.Report.stop_on` reports the findings and ends the command if one is fatal.
"""

from collections.abc import Iterable

from kbootstrap.engine.phase import AnyPhase
from kbootstrap.engine.planner import comparisons, verdicts
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Node
from kbootstrap.run.run import Run


def check(run: Run, nodes: Iterable[Node], phases: Iterable[AnyPhase]) -> tuple[Finding, ...]:
    """Every finding about the nodes and the cluster.

    If nodes could not be probed, only the others are checked, by phases that need no API.
    """
    chosen = tuple(phase for phase in phases if not (run.errors and phase.api))
    there = [node for node in nodes if node.name in run.probes]
    probed = {(name, phase) for name, result in run.probes.items() for phase in result.facts}
    return (
        *(error.finding for error in run.errors),
        *verdicts(run.cluster, chosen, there, run.view),
        *comparisons(run.cluster, chosen, probed, run.view),
    )


def unreached(run: Run, nodes: Iterable[Node], phases: Iterable[AnyPhase]) -> tuple[Finding, ...]:
    """The findings of `check` if nodes could not be probed; otherwise it is too early for them."""
    return check(run, nodes, phases) if run.errors else ()

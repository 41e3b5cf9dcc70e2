"""``phases``: list the phases, or draw their order."""

import itertools

from kbootstrap.engine.phase import AnyPhase, Wait
from kbootstrap.errors import ExitCode
from kbootstrap.model.example import example
from kbootstrap.options import RunOptions
from kbootstrap.run.report import Report
from phases import workflows


def phases(options: RunOptions, report: Report) -> ExitCode:
    """List every phase, or draw which one waits for which."""
    cluster = example()
    if options.graph:
        for line in graph(workflows.up(cluster)):
            report.line(line)
        return ExitCode.DONE
    for title, workflow in (
        ("up, join", workflows.up),
        ("upgrade", workflows.upgrade),
        ("reset", workflows.reset),
        ("replace, before those of join", workflows.leave_for_another),
    ):
        report.line(f"{title}:")
        for phase in workflow(cluster):
            waits = ", ".join(f"{name} ({which.value})" for name, which in phase.waits)
            report.line(f"  {phase.id:<20} {phase.title}{f'; waits for {waits}' if waits else ''}")
    return ExitCode.DONE


def graph(steps: tuple[AnyPhase, ...]) -> list[str]:
    """The order of phases as a Mermaid graph: solid on one node, dotted between nodes."""
    lines = ["graph TD"]
    lines += [f"  {phase.id}[{phase.title}]" for phase in steps]
    lines += [f"  {a.id} --> {b.id}" for a, b in itertools.pairwise(steps)]
    lines += [
        f"  {name} -. {_on(which)} .-> {phase.id}" for phase in steps for name, which in phase.waits
    ]
    return lines


def _on(which: Wait) -> str:
    return {Wait.FIRST: "first control plane", Wait.EARLIER: "earlier nodes"}.get(
        which, which.value
    )

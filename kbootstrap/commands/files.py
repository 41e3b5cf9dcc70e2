"""Verbs that contact nobody: validate, phases, schema, init."""

import itertools
import json
import os

from kbootstrap import codes
from kbootstrap.commands.options import Options
from kbootstrap.commands.report import Report
from kbootstrap.engine.phase import AnyPhase, Wait
from kbootstrap.errors import ExitCode, InventoryError


def validate(options: Options, report: Report) -> ExitCode:
    """Read the inventory and say that it is good, or all that is not."""
    from kbootstrap.model.load import load_with_warnings  # noqa: PLC0415 - only this verb

    loaded = load_with_warnings(options.inventory)
    for warning in loaded.warnings:
        report.line(f"warning: {warning}")
    cluster = loaded.cluster
    workers = len(cluster.nodes) - len(cluster.control_planes)
    report.line(
        f"{options.inventory}: cluster {cluster.name}, Kubernetes {cluster.version}, "
        f"{_count(len(cluster.control_planes), 'control plane')}, {_count(workers, 'worker')}: good"
    )
    return ExitCode.DONE


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def phases(options: Options, report: Report) -> ExitCode:
    """List every phase, or draw which waits for which."""
    from kbootstrap.model.example import example  # noqa: PLC0415 - only this verb
    from phases import workflows  # noqa: PLC0415 - only this verb

    cluster = example()
    if options.graph:
        for line in graph(workflows.up(cluster)):
            report.line(line)
        return ExitCode.DONE
    for title, workflow in (
        ("up, join", workflows.up),
        ("upgrade", workflows.upgrade),
        ("reset", workflows.reset),
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


def schema(options: Options, report: Report) -> ExitCode:
    """Print the JSON Schema of the inventory."""
    from kbootstrap.model.schema import json_schema  # noqa: PLC0415 - only this verb

    del options
    report.line(json.dumps(json_schema(), indent=2))
    return ExitCode.DONE


def init(options: Options, report: Report) -> ExitCode:
    """Write a starter inventory; never over a file that is there."""
    from kbootstrap.model.starters import text  # noqa: PLC0415 - only this verb

    path = options.to
    if path is None:
        raise ValueError("init needs a file to write")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise InventoryError(codes.FILE_EXISTS, f"{path} is there already") from None
    with os.fdopen(handle, "w") as file:
        file.write(text(options.layout))
    report.line(f"wrote {path}; edit it, then run: kbootstrap validate {path}")
    return ExitCode.DONE

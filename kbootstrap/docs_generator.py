"""Generates pages of docs/ from the code, so that they cannot differ from it.

``python -m kbootstrap.docs_generator errors`` prints docs/errors.md, ``... phases`` the tables of
docs/phases.md. docs/generate.py writes both, and tests/unit/docs compares them.
"""

import sys
from collections.abc import Iterable, Iterator

from kbootstrap.codes import all_codes
from kbootstrap.engine.phase import AnyPhase, Wait
from kbootstrap.errors import Code, ExitCode
from kbootstrap.model.example import example
from phases import upgrade_repair, workflows

# The longest prefix of a code is used; a test compares it with the raised classes.
_EXITS = {
    "KB1": ExitCode.USAGE,
    "KB2": ExitCode.UNREACHABLE,
    "KB212": ExitCode.FAILED,  # a local file changed while it was sent
    "KB213": ExitCode.USAGE,  # the inventory refers to a secret that does not exist
    "KB3": ExitCode.FAILED,
    "KB4": ExitCode.REFUSED,
    "KB5": ExitCode.TRUST,
    "KB6": ExitCode.INTERRUPTED,
    "KB9": ExitCode.INTERNAL,
}
_WARNINGS = ("KB15", "KB16", "KB318")

_MEANINGS = {
    ExitCode.DONE: "done, or the requested information was printed",
    ExitCode.USAGE: "the inventory or a flag is wrong; no node was contacted",
    ExitCode.NOTHING_TO_DO: "nothing to do (only with `--exit-code`)",
    ExitCode.CHANGES_PENDING: "a dry run found changes (only with `--exit-code`)",
    ExitCode.UNREACHABLE: "a node cannot be reached, or refuses the login",
    ExitCode.FAILED: "a phase failed, or a node is not fit",
    ExitCode.REFUSED: "refused, because the command could do damage",
    ExitCode.TRUST: "a hash, certificate or checksum does not match",
    ExitCode.DIFFERS: "the live cluster differs from the inventory in settings that `up` does not "
    "change yet; they are listed",
    ExitCode.INTERNAL: "a bug in kbootstrap",
    ExitCode.INTERRUPTED: "interrupted; the same command resumes",
}

_SECTIONS = {
    "KB10": "The inventory",
    "KB15": "Warnings about the inventory",
    "KB19": "The command line",
    "KB2": "Reaching a node",
    "KB3": "A node or a step",
    "KB4": "Refused",
    "KB5": "Trust",
    "KB6": "Interrupted",
    "KB9": "Bugs",
}


def exit_of(code: Code) -> ExitCode | None:
    """The exit status of a command that ends with this error; None for a warning."""
    if code.id.startswith(_WARNINGS):
        return None
    prefix = max((p for p in _EXITS if code.id.startswith(p)), key=len)
    return _EXITS[prefix]


def errors_markdown() -> str:
    """docs/errors.md: exit statuses, and every code with its next step."""
    return "".join(f"{line}\n" for line in _errors())


def _errors() -> Iterator[str]:
    yield from _head("Errors", "errors")
    yield "Every error has a code that never changes its meaning, and a next step."
    yield "An error on a node names the node and the phase."
    yield from ("", "## Exit status", "", "| status | meaning |", "|---|---|")
    yield from (f"| {int(status)} | {meaning} |" for status, meaning in _MEANINGS.items())
    for title, group in _grouped():
        yield from (
            "",
            f"## {title}",
            "",
            "| code | exit | what | next step |",
            "|---|---|---|---|",
        )
        yield from map(_row, group)


def _grouped() -> Iterator[tuple[str, list[Code]]]:
    starts = list(_SECTIONS)
    for start, end in zip(starts, [*starts[1:], "KC"], strict=True):
        yield _SECTIONS[start], [code for code in all_codes() if start <= code.id < end]


def _row(code: Code) -> str:
    status = exit_of(code)
    hint = code.hint.format(node="NODE", phase="PHASE").replace("|", "\\|")
    return f"| {code.id} | {'-' if status is None else int(status)} | {code.title} | {hint} |"


_WAITS = {
    Wait.FIRST: "on the first control plane",
    Wait.CONTROL_PLANES: "on all control planes",
    Wait.EARLIER: "on the nodes before it",
    Wait.ALL: "on all nodes",
}


def phases_markdown() -> str:
    """docs/phases.md: the phases of each command, in order."""
    return "".join(f"{line}\n" for line in _phases())


def _phases() -> Iterator[str]:
    yield from _head("Phases", "phases")
    yield "On each node the phases of a command run in this order. Nodes do not wait for each other"
    yield "except as the last column shows. A phase whose work is already done does nothing."
    cluster = example()
    for title, phases in (
        ("up, join", workflows.up(cluster)),
        ("upgrade, for each minor", (upgrade_repair.PHASE, *workflows.upgrade(cluster))),
        ("reset of nodes", workflows.reset(cluster)),
        ("reset --unreachable", workflows.reset_unreachable(cluster)),
        ("reset of the whole cluster, reset --without-api", workflows.reset_all(cluster)),
        ("etcd snapshot", workflows.etcd_snapshot(cluster)),
        ("etcd restore", workflows.etcd_restore(cluster)),
    ):
        yield from ("", f"## {title}", "", "| phase | what | waits for |", "|---|---|---|")
        yield from _rows(phases)


def _rows(phases: Iterable[AnyPhase]) -> Iterator[str]:
    for phase in phases:
        waits = ", ".join(f"{name} {_WAITS[which]}" for name, which in phase.waits)
        yield f"| {phase.id} | {phase.title} | {waits} |".replace("|  |", "| |")


def _head(title: str, name: str) -> tuple[str, ...]:
    note = f"<!-- Generated by `python -m kbootstrap.docs_generator {name}`; do not edit. -->"
    return (f"# {title}", "", note, "")


_PAGES = {"errors": errors_markdown, "phases": phases_markdown}


def main(arguments: list[str]) -> int:
    """Print a page."""
    page = _PAGES.get(arguments[0] if arguments else "errors")
    if page is None:
        sys.stderr.write(f"usage: python -m kbootstrap.docs_generator [{'|'.join(_PAGES)}]\n")
        return int(ExitCode.USAGE)
    sys.stdout.write(page())
    return int(ExitCode.DONE)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

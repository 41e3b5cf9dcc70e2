"""Generates pages of docs/ from the code, so that they cannot differ from it.

``python -m kbootstrap.docs_generator errors`` prints docs/errors.md, ``... phases`` the tables of
docs/phases.md, ``... keys`` the last section of docs/inventory.md. docs/generate.py writes them,
and tests/unit/docs compares them.
"""

import sys
from collections.abc import Iterable, Iterator

from kbootstrap.codes import all_codes
from kbootstrap.drift.keys import MEANINGS, ROWS
from kbootstrap.engine.phase import AnyPhase, Wait
from kbootstrap.errors import Code, ExitCode, error_class
from kbootstrap.model.example import example
from phases import control_plane_repair, upgrade_repair, workflows

_WARNINGS = ("KB15", "KB16", "KB318")

_MEANINGS = {
    ExitCode.DONE: "done, or the requested information was printed",
    ExitCode.USAGE: "the inventory or a flag is wrong; no node was contacted",
    ExitCode.NOTHING_TO_DO: "nothing to do (only with `--exit-code`)",
    ExitCode.CHANGES_PENDING: "a dry run found changes (only with `--exit-code`)",
    ExitCode.UNREACHABLE: "a node cannot be reached, or refuses the login; without workers that do "
    "not answer `up` and `upgrade` do the rest",
    ExitCode.FAILED: "a phase failed, or a node is not fit",
    ExitCode.REFUSED: "refused, because the command could do damage",
    ExitCode.TRUST: "a hash, certificate or checksum does not match",
    ExitCode.DIFFERS: "the live cluster differs from the inventory in settings that `up` does not "
    "change yet; they are listed",
    ExitCode.EXPIRES: "a certificate has expired, is not valid yet, or expires within the time of "
    "`certs --within`",
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
    return error_class(code).exit_code


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
        ("up, join: before the others, if no API server answers", (control_plane_repair.PHASE,)),
        ("up, join", workflows.up(cluster)),
        ("upgrade, for each minor", (upgrade_repair.PHASE, *workflows.upgrade(cluster))),
        ("reset of nodes", workflows.reset(cluster)),
        ("replace, before those of join", workflows.leave_for_another(cluster)),
        ("reset --unreachable", workflows.reset_unreachable(cluster)),
        ("reset of the whole cluster, reset --without-api", workflows.reset_all(cluster)),
        ("etcd snapshot", workflows.etcd_snapshot(cluster)),
        ("etcd restore", workflows.etcd_restore(cluster)),
        ("certs renew", workflows.renew_certs(cluster)),
        ("certs rotate-ca", workflows.rotate_ca(cluster)),
    ):
        yield from ("", f"## {title}", "", "| phase | what | waits for |", "|---|---|---|")
        yield from _rows(phases)


def _rows(phases: Iterable[AnyPhase]) -> Iterator[str]:
    for phase in phases:
        waits = ", ".join(f"{name} {_WAITS[which]}" for name, which in phase.waits)
        yield f"| {phase.id} | {phase.title} | {waits} |".replace("|  |", "| |")


def keys_markdown() -> str:
    """The last section of docs/inventory.md: what a changed key does to a running cluster."""
    return "".join(f"{line}\n" for line in _keys())


def _keys() -> Iterator[str]:
    yield from ("", "## A changed key on a running cluster", "")
    yield "From kbootstrap/drift/keys.py. [changes.md](changes.md) shows what `up` prints."
    yield from ("", "| kind | what `up` does with a changed key |", "|---|---|")
    yield from (f"| {kind} | {text} |" for kind, text in MEANINGS.items())
    yield from ("", "| key | kind | its live value | how it is changed | what that disturbs |")
    yield "|---|---|---|---|---|"
    for row in ROWS:
        names = ", ".join(f"`{key}`" for key in row.keys)
        yield f"| {names} | {row.kind} | {row.truth} | {row.how} | {row.disturbs} |"


def _head(title: str, name: str) -> tuple[str, ...]:
    note = f"<!-- Generated by `python -m kbootstrap.docs_generator {name}`; do not edit. -->"
    return (f"# {title}", "", note, "")


_PAGES = {"errors": errors_markdown, "phases": phases_markdown, "keys": keys_markdown}


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

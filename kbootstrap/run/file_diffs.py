"""The changes of files in a plan as unified diffs of text, for `plan --diff`.

One more request to each node whose files change; it only reads. The content of a file that others
may not read, now or afterwards, is not shown, and secrets in the others are masked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff

from kbootstrap.action import Action, PutFile, PutTemplate, Remove
from kbootstrap.engine.plan import Plan
from kbootstrap.fanout import as_completed
from kbootstrap.masking import mask_output
from kbootstrap.remote.protocol import Part, PartResult
from kbootstrap.render import render
from kbootstrap.run.run import Run

PRIVATE = 77  # exit status of templates/host/show.sh.j2
PUBLIC = 0o004  # others may read it

FileChange = PutFile | PutTemplate | Remove


@dataclass(frozen=True, slots=True)
class FileDiff:
    """How one file of a node changes, line by line."""

    node: str
    path: str
    lines: tuple[str, ...]


def file_diffs(run: Run, plan: Plan) -> Iterator[FileDiff]:
    """The diff of each file, in the plan's order.

    Raises:
        KbError: a node does not answer.

    """
    changes = {
        name: [
            action
            for step in plan.changes
            if step.node == name
            for action in step.actions
            if isinstance(action, FileChange)
        ]
        for name in dict.fromkeys(step.node for step in plan.changes)
    }
    nodes = {name: found for name, found in changes.items() if found}
    contents = dict(as_completed(nodes, lambda name: _read(run, name, nodes[name])))
    for name, actions in nodes.items():
        before = contents[name]
        if isinstance(before, Exception):
            raise before
        for action, result in zip(actions, before, strict=True):
            if lines := tuple(_diff(name, action, result)):
                yield FileDiff(name, action.path, lines)


def _read(run: Run, name: str, actions: list[FileChange]) -> tuple[PartResult, ...]:
    parts = [
        Part(
            f"show:{number}",
            render("host/show.sh.j2", path=action.path),
            "probe",
            always=True,
            secret=True,
        )
        for number, action in enumerate(actions)
    ]
    return run.wire(name).perform(parts, run_id=run.run_id).results


def _diff(name: str, action: FileChange, before: PartResult) -> Iterator[str]:
    """The lines; one that says why, if the content is not shown."""
    place = f"{name}:{action.path}"
    if before.rc == PRIVATE or is_private(action):
        yield f"{place}: the content is not shown, because only its owner may read the file"
    elif before.rc != 0 or before.truncated:
        yield f"{place}: the content is not shown, because the file cannot be read as a whole"
    else:
        old, new = (mask_output(text).splitlines() for text in (before.output, _after(action)))
        yield from unified_diff(
            old,
            new,
            fromfile=place if old else "/dev/null",
            tofile=place if new else "/dev/null",
            lineterm="",
        )


def is_private(action: Action) -> bool:
    """Whether what it writes may be a secret: others may not read the file."""
    if isinstance(action, PutFile):
        return action.stream or not action.mode & PUBLIC
    return isinstance(action, PutTemplate) and (action.secret or not action.mode & PUBLIC)


def _after(action: FileChange) -> str:
    return "" if isinstance(action, Remove) else action.body

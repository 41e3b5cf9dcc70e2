"""Builds the parts of a request from the actions of a step, and the error from a reply.

Called by `kbootstrap.engine.step`. Adjacent small files become one part, because each file costs
several processes on the node.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from kbootstrap.action import (
    Action,
    ApiAction,
    Detached,
    FetchFile,
    HostAction,
    PutFile,
    PutTemplate,
    ReadSecret,
    bundles,
    write_commands,
)
from kbootstrap.engine.failures import failure
from kbootstrap.errors import KbError
from kbootstrap.remote.protocol import STEP_SECONDS, Blob, Part, Reply
from kbootstrap.secret import remember

_AFTER = 300  # seconds for which a detached command may outlive its limit: it starts, it is killed

Made = tuple[tuple[HostAction, ...], Part]  # a part, and the actions that it applies


def groups(actions: Sequence[Action], node: str) -> Iterator[tuple[str, tuple[Action, ...]]]:
    """Groups of adjacent actions with the same target: a node's name, ``api`` or ``local``."""

    def place(action: Action) -> str:
        if isinstance(action, HostAction):
            return action.host or node
        return "api" if isinstance(action, ApiAction) else "local"

    for where, group in groupby(actions, key=place):
        yield where, tuple(group)


def longest(group: Sequence[Action]) -> Action:
    """The action of a group that most likely takes the longest."""
    return next((a for a in group if a.waits or isinstance(a, Detached)), group[-1])


def host_parts(actions: Sequence[HostAction], slots: Mapping[str, str]) -> tuple[Made, ...]:
    """The parts ``a0``, ``a1``, ... for the actions, in order."""
    return tuple(
        (together, _part(f"a{index}", together, slots))
        for index, together in enumerate(bundles(actions))
    )


def values_read(made: Sequence[Made], reply: Reply) -> dict[str, str]:
    """The placeholders that the parts have read, as secrets."""
    return {
        action.placeholder: remember(reply.part(part.id).output.rstrip("\n"))
        for (action, *_), part in made
        if isinstance(action, ReadSecret)
    }


def first_failure(made: Sequence[Made], reply: Reply) -> KbError | None:
    """The error of the first part that failed."""
    for together, part in made:
        result = reply.part(part.id)
        if result.rc != 0:
            return failure(_named_in(together, result.output), result.output, result.rc)
    return None


def _part(name: str, together: tuple[HostAction, ...], slots: Mapping[str, str]) -> Part:
    action = together[0]
    files = [one for one in together if isinstance(one, PutFile)]
    if len(files) > 1:
        return Part(name, write_commands(files), always=action.always)
    if isinstance(action, PutTemplate):
        action = action.bound(slots)
    into = Path(action.into) if isinstance(action, FetchFile) else None
    content = action.content(slots)
    blobs: tuple[Blob, ...] = ()
    if content is not None:
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        blobs = (Blob(size, content),)
    seconds = action.seconds + _AFTER if isinstance(action, Detached) else STEP_SECONDS
    return Part(
        name,
        action.script(),
        blobs=blobs,
        always=action.always,
        secret=isinstance(action, ReadSecret),
        into=into,
        seconds=seconds,
    )


def _named_in(together: tuple[HostAction, ...], output: str) -> HostAction:
    """The file that the output names; mostly there is only one action."""
    named = [one for one in together if isinstance(one, PutFile) and one.path in output]
    return max(named, key=lambda file: len(file.path), default=together[0])

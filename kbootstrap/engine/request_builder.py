"""From the actions of a step to the parts of a request, and from the answer to an error.

Called by `kbootstrap.engine.step`. Small files that stand next to each other become one
part, for what a file costs a node is processes, not bytes.
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
    bundles,
    write_commands,
)
from kbootstrap.engine.failures import failure
from kbootstrap.errors import KbError
from kbootstrap.remote.protocol import Blob, Part, Reply

Made = tuple[tuple[HostAction, ...], Part]  # a part, and the actions it carries out


def groups(actions: Sequence[Action], node: str) -> Iterator[tuple[str, tuple[Action, ...]]]:
    """Runs of actions with the same place: a node's name, ``api`` or ``local``."""

    def place(action: Action) -> str:
        if isinstance(action, HostAction):
            return action.host or node
        return "api" if isinstance(action, ApiAction) else "local"

    for where, group in groupby(actions, key=place):
        yield where, tuple(group)


def longest(group: Sequence[Action]) -> Action:
    """The action that a group which takes long is most likely at."""
    return next((a for a in group if a.waits or isinstance(a, Detached)), group[-1])


def host_parts(actions: Sequence[HostAction], slots: Mapping[str, str]) -> tuple[Made, ...]:
    """The parts ``a0``, ``a1``, ... that carry the actions out, in order."""
    return tuple(
        (together, _part(f"a{index}", together, slots))
        for index, together in enumerate(bundles(actions))
    )


def first_failure(made: Sequence[Made], reply: Reply) -> KbError | None:
    """What the first part that failed has to say."""
    for together, part in made:
        result = reply.part(part.id)
        if result.rc != 0:
            return failure(_told_of(together, result.output), result.output, result.rc)
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
    return Part(name, action.script(), blobs=blobs, always=action.always, into=into)


def _told_of(together: tuple[HostAction, ...], output: str) -> HostAction:
    """The file the output speaks of; mostly there is only one action."""
    named = [one for one in together if isinstance(one, PutFile) and one.path in output]
    return max(named, key=lambda file: len(file.path), default=together[0])

"""Changes of a machine: shell fragments, perhaps with bytes to place.

The functions ``kb_put``, ``kb_write``, ``kb_ledger``, ``kb_unit`` and ``kb_detach`` they call are
templates/remote/prelude.sh.
"""

import hashlib
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from kbootstrap.action.base import Action
from kbootstrap.node_paths import BINARY_SUMS
from kbootstrap.render import render

LARGE = 64 * 1024  # characters; beyond it a file is not put into a shell script


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAction(Action):
    """A change of a machine: a shell fragment, perhaps with bytes to place.

    Attributes:
        host: the node that runs it; empty for the step's own node.

    """

    host: str = ""

    def script(self) -> str:
        """POSIX shell for one subshell under ``set -eu``; holds no secret."""
        raise NotImplementedError

    def content(self, slots: Mapping[str, str]) -> bytes | Path | None:
        """The bytes streamed after the script, if it places any.

        ``slots`` maps the names in `needs` to their values.
        """
        del slots
        return None


def _octal(mode: int) -> str:
    return f"{mode:04o}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutFile(HostAction):
    """Write a small file; atomic, the original is kept.

    Attributes:
        stream: it is secret, so it follows the script instead of standing in it.

    """

    path: str
    body: str
    mode: int = 0o644
    owner: str = "root:root"
    stream: bool = False

    @property
    def text(self) -> str:
        size = len(self.body.encode())
        return f"write {self.path} ({size} bytes, {_octal(self.mode)})"

    @property
    def follows(self) -> bool:
        """Whether its bytes are streamed after the script."""
        return self.stream or len(self.body) > LARGE

    def script(self) -> str:
        if not self.follows:
            return write_commands([self])
        data = self.body.encode()
        return put_command(
            self.path, self.mode, self.owner, len(data), hashlib.sha256(data).hexdigest()
        )

    def content(self, slots: Mapping[str, str]) -> bytes | None:
        del slots
        return self.body.encode() if self.follows else None


def write_commands(files: Sequence[PutFile]) -> str:
    """Write files of one mode and owner together: a few processes, however many they are."""
    lines = [shlex.join(["kb_write", file.path, file.body]) for file in files]
    return "\n".join([*lines, shlex.join(["kb_flush", _octal(files[0].mode), files[0].owner])])


def bundles(actions: Iterable[HostAction]) -> Iterator[tuple[HostAction, ...]]:
    """Actions in order; files next to each other that `write_commands` can take are together."""

    def kind(numbered: tuple[int, HostAction]) -> tuple[object, ...]:
        number, action = numbered
        if isinstance(action, PutFile) and not action.follows:
            return action.mode, action.owner, action.always
        return (number,)

    for _, group in groupby(enumerate(actions), key=kind):
        yield tuple(action for _, action in group)


def put_command(path: str, mode: int, owner: str, size: int, sha256: str) -> str:
    """The ``kb_put`` call that takes the next blob of the stream to ``path``."""
    return shlex.join(["kb_put", path, _octal(mode), owner, str(size), sha256])


@dataclass(frozen=True, slots=True, kw_only=True)
class PutTemplate(HostAction):
    """Write a file that needs values known only at run time.

    Attributes:
        body: the text, with ``@@slot@@`` where a value goes.
        needs: the slots it uses.
        secret: a slot is secret, so path should be on a tmpfs and mode 0600.

    """

    path: str
    body: str
    needs: tuple[str, ...]
    mode: int = 0o600
    owner: str = "root:root"
    secret: bool = True

    @property
    def text(self) -> str:
        return f"write {self.path} ({_octal(self.mode)}, with {', '.join(self.needs)})"

    def script(self) -> str:
        return f"write {self.path} of slots {' '.join(self.needs)}"

    def bound(self, slots: Mapping[str, str]) -> PutFile:
        """The same action with every slot filled in.

        Raises:
            KeyError: a slot was never filled.

        """
        body = self.body
        for name in self.needs:
            body = body.replace(f"@@{name}@@", slots[name])
        return PutFile(
            why=self.why,
            path=self.path,
            body=body,
            mode=self.mode,
            owner=self.owner,
            host=self.host,
            stream=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBinary(HostAction):
    """Place a file of the operator's, such as the kubelet; checked by its sha256."""

    path: str
    source: str  # path at the operator
    size: int
    sha256: str
    mode: int = 0o755

    @property
    def text(self) -> str:
        return f"place {self.path} ({self.size / 1e6:.1f} MB, sha256 {self.sha256[:12]})"

    def script(self) -> str:
        put = put_command(self.path, self.mode, "root:root", self.size, self.sha256)
        return put + "\n" + _record(self.path, self.sha256)

    def content(self, slots: Mapping[str, str]) -> Path:
        del slots
        return Path(self.source)


def _record(path: str, sha256: str) -> str:
    """Note a placed program's identity, so that a probe need not sum 60 MB again."""
    return render("programs/record.sh.j2", record=BINARY_SUMS, path=path, sha256=sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchBinary(HostAction):
    """Have the node download a program and check it against the published sha256."""

    path: str
    url: str
    sha256: str
    mode: int = 0o755

    @property
    def text(self) -> str:
        return f"download {self.path} from {self.url} (sha256 {self.sha256[:12]})"

    def script(self) -> str:
        fetch = render(
            "programs/fetch.sh.j2",
            path=self.path,
            url=self.url,
            sha256=self.sha256,
            mode=_octal(self.mode),
        )
        return fetch + "\n" + _record(self.path, self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove(HostAction):
    """Remove a file or folder of ours."""

    path: str

    @property
    def text(self) -> str:
        return f"remove {self.path}"

    def script(self) -> str:
        return shlex.join(["rm", "-rf", "--", self.path])


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit(HostAction):
    """A systemd verb."""

    verb: Literal["daemon-reload", "enable", "disable", "start", "restart", "stop"]
    name: str = ""

    @property
    def text(self) -> str:
        return f"systemctl {self.verb} {self.name}".strip()

    def script(self) -> str:
        starts = self.verb in {"start", "restart"}
        words = ["kb_unit"] if starts else ["systemctl", "--quiet"]
        return shlex.join([*words, self.verb, *([self.name] if self.name else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(HostAction):
    """A short shell fragment with its own plan line; quoted by the template that made it.

    Attributes:
        covers: the single changes it makes, when another plan may need only some of them, or
            the title names what may differ; empty: the title says it all.

    """

    title: str
    body: str
    covers: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return self.title

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.covers or {self.key})

    def script(self) -> str:
        return self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached(HostAction):
    """A long command that outlives the connection and is never started twice.

    Attributes:
        name: of its run folder and systemd unit on the node.
        title: the plan line.
        body: the shell text that runs detached; holds no secret.
        seconds: the deadline enforced on the node.
        attach: it runs already: follow it to its end and never start it, for it may have
            ended since it was seen.

    """

    name: str
    title: str
    body: str
    seconds: int
    attach: bool = False

    @property
    def text(self) -> str:
        return self.title

    @property
    def key(self) -> str:
        return f"run {self.name}"

    def script(self) -> str:
        if self.attach:
            return shlex.join(["kb_reattach", self.name])
        head = shlex.join(["kb_detach", self.name, str(self.seconds)])
        return f"{head} <<'KB_DETACHED'\n{self.body}\nKB_DETACHED"

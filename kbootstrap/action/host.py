"""Changes of a node: shell fragments, some with files to place.

They call the functions ``kb_put``, ``kb_write``, ``kb_ledger``, ``kb_unit`` and ``kb_detach`` of
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
    """A change of a node: a shell fragment, perhaps with bytes to place.

    Attributes:
        host: the node that runs it; empty for the step's own node.

    """

    host: str = ""

    def script(self) -> str:
        """POSIX shell for one subshell under ``set -eu``; holds no secret."""
        raise NotImplementedError

    def content(self, values: Mapping[str, str]) -> bytes | Path | None:
        """The bytes streamed after the script, if it places any.

        ``values`` maps the placeholders in `needs` to their values.
        """
        del values
        return None


def _octal(mode: int) -> str:
    return f"{mode:04o}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutFile(HostAction):
    """Write a small file atomically; the original is retained.

    Attributes:
        stream: True if it is secret; it is then sent after the script and not in it.

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

    def content(self, values: Mapping[str, str]) -> bytes | None:
        del values
        return self.body.encode() if self.follows else None


def write_commands(files: Sequence[PutFile]) -> str:
    """Write files of the same mode and owner with a constant number of processes."""
    lines = [shlex.join(["kb_write", file.path, file.body]) for file in files]
    return "\n".join([*lines, shlex.join(["kb_flush", _octal(files[0].mode), files[0].owner])])


def bundles(actions: Iterable[HostAction]) -> Iterator[tuple[HostAction, ...]]:
    """Actions in order; adjacent files that `write_commands` can combine are grouped."""

    def kind(numbered: tuple[int, HostAction]) -> tuple[object, ...]:
        number, action = numbered
        if isinstance(action, PutFile) and not action.follows:
            return action.mode, action.owner, action.always
        return (number,)

    for _, group in groupby(enumerate(actions), key=kind):
        yield tuple(action for _, action in group)


def put_command(path: str, mode: int, owner: str, size: int, sha256: str) -> str:
    """The ``kb_put`` call that writes the next blob of the stream to ``path``."""
    return shlex.join(["kb_put", path, _octal(mode), owner, str(size), sha256])


@dataclass(frozen=True, slots=True, kw_only=True)
class PutTemplate(HostAction):
    """Write a file that needs values known only at run time.

    Attributes:
        body: the text, with placeholders ``@@name@@``.
        needs: the placeholders in it.
        secret: a value is secret, so path should be on a tmpfs and mode 0600.

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
        return f"write {self.path} with placeholders {' '.join(self.needs)}"

    def bound(self, values: Mapping[str, str]) -> PutFile:
        """The same action with every placeholder filled in.

        Raises:
            KeyError: a placeholder has no value.

        """
        body = self.body
        for name in self.needs:
            body = body.replace(f"@@{name}@@", values[name])
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
    """Upload a local binary, such as the kubelet; its sha256 is checked."""

    path: str
    source: str  # local path
    size: int
    sha256: str
    mode: int = 0o755

    @property
    def text(self) -> str:
        return f"place {self.path} ({self.size / 1e6:.1f} MB, sha256 {self.sha256[:12]})"

    def script(self) -> str:
        put = put_command(self.path, self.mode, "root:root", self.size, self.sha256)
        return put + "\n" + _record(self.path, self.sha256)

    def content(self, values: Mapping[str, str]) -> Path:
        del values
        return Path(self.source)


def _record(path: str, sha256: str) -> str:
    """Record a binary's sha256, so that a probe does not hash 60 MB again."""
    return render("programs/record.sh.j2", record=BINARY_SUMS, path=path, sha256=sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchBinary(HostAction):
    """Download a binary on the node and check it against the published sha256."""

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
    """Remove a file or directory that kbootstrap made."""

    path: str

    @property
    def text(self) -> str:
        return f"remove {self.path}"

    def script(self) -> str:
        return shlex.join(["rm", "-rf", "--", self.path])


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit(HostAction):
    """A command of systemctl."""

    command: Literal["daemon-reload", "enable", "disable", "start", "restart", "stop"]
    name: str = ""

    @property
    def text(self) -> str:
        return f"systemctl {self.command} {self.name}".strip()

    def script(self) -> str:
        starts = self.command in {"start", "restart"}
        tool = ["kb_unit"] if starts else ["systemctl", "--quiet"]
        return shlex.join([*tool, self.command, *([self.name] if self.name else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(HostAction):
    """A short shell fragment with its own plan line; the template that rendered it quotes.

    Attributes:
        covers: its single changes, if another plan may need only some of them or if the title
            may differ; empty: the title identifies it.

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
        name: of its run directory and systemd unit on the node.
        title: the plan line.
        body: the shell text that runs detached; holds no secret.
        seconds: the deadline enforced on the node.
        attach: it is already running: follow it and never start it, since it may have ended
            after the probe.

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

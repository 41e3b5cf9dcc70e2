"""~/.ssh/config, as ssh_config(5) describes it: what kbootstrap uses of it, and its lines.

Read once per run by `kbootstrap.remote.logins`; tested against ``ssh -G``. Not paramiko's reader,
which knows no Include, runs the commands of ``Match exec`` and forgets the lines. Here such a
section never applies, like one with any other criterion that cannot be decided without a command,
a second pass or the network.
"""

import getpass
import glob
import os
import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from kbootstrap import codes
from kbootstrap.errors import UnreachableError

_LINE = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+|$)(.*)")
KEYWORDS = {
    word.lower(): word
    for word in (
        *("HostName", "Port", "User", "IdentityFile", "IdentitiesOnly"),
        *("ProxyJump", "ProxyCommand", "UserKnownHostsFile", "HostKeyAlias"),
    )
}
_MOST_INCLUDES = 16  # one in another, as in OpenSSH
_BY_OTHERS = 0o022  # the write permissions of group and others


@dataclass(frozen=True, slots=True)
class Setting:
    """One line that sets something.

    Attributes:
        arguments: without quotes; tokens such as ``%h`` are still in it.
        place: file and line.

    """

    keyword: str  # in lower case
    arguments: tuple[str, ...]
    place: str

    def __str__(self) -> str:
        return f"{KEYWORDS[self.keyword]} {' '.join(self.arguments)} ({self.place})"


@dataclass(frozen=True, slots=True)
class _Criterion:
    kind: str  # of Match; a Host line is "originalhost"
    patterns: tuple[str, ...] = ()
    negated: bool = False


_Section = tuple[_Criterion, ...]  # a Host or Match line, with those around its Include


class SshConfig:
    """The settings of the user's file and of those that it includes."""

    def __init__(self, settings: tuple[tuple[_Section, Setting], ...] = ()) -> None:
        self._settings = settings

    @classmethod
    def read(cls, path: Path) -> "SshConfig":
        """Read a file, which need not exist.

        Raises:
            UnreachableError: KB220, it cannot be read, or not be trusted, or a line is wrong.

        """
        return cls(tuple(_read(path, (), 0))) if path.exists() else cls()

    def __bool__(self) -> bool:
        return bool(self._settings)

    def lookup(self, name: str, user: str) -> Mapping[str, list[Setting]]:
        """Keyword -> its settings for ``ssh USER@NAME``; the first one counts, except of keys."""
        found: defaultdict[str, list[Setting]] = defaultdict(list)
        applies: dict[_Section, bool] = {}
        for section, setting in self._settings:
            if section not in applies:
                applies[section] = _applies(section, found, name, user)
            if applies[section] and (
                setting.keyword == "identityfile" or not found[setting.keyword]
            ):
                found[setting.keyword].append(setting)
        return {keyword: settings for keyword, settings in found.items() if settings}


def _applies(section: _Section, found: Mapping[str, list[Setting]], name: str, user: str) -> bool:
    hostname, configured = (found.get(word) for word in ("hostname", "user"))
    subjects = {
        "originalhost": name,
        "host": hostname[0].arguments[0].replace("%h", name) if hostname else name,
        "user": user or (configured[0].arguments[0] if configured else getpass.getuser()),
        "localuser": getpass.getuser(),
    }
    return all(_holds(criterion, subjects) for criterion in section)


def _holds(criterion: _Criterion, subjects: Mapping[str, str]) -> bool:
    if criterion.kind == "all":
        return not criterion.negated
    subject = subjects.get(criterion.kind)
    return subject is not None and _listed(subject, criterion.patterns) is not criterion.negated


def _listed(text: str, patterns: tuple[str, ...]) -> bool:
    globs = [pattern.replace("[", "[[]") for pattern in patterns]
    if any(fnmatchcase(text, glob[1:]) for glob in globs if glob.startswith("!")):
        return False
    return any(fnmatchcase(text, glob) for glob in globs if not glob.startswith("!"))


def _read(path: Path, outer: _Section, depth: int) -> Iterator[tuple[_Section, Setting]]:
    section = outer
    for number, line in enumerate(_text(path).split("\n"), 1):
        match = _LINE.fullmatch(line.rstrip())
        if match is None:
            continue
        keyword, rest, place = match[1].lower(), match[2], f"{path}:{number}"
        if keyword in {"host", "match"}:
            section = (*outer, *_CRITERIA[keyword](_arguments(rest, place), place))
        elif keyword == "include":
            for included in _included(_arguments(rest, place)):
                if depth == _MOST_INCLUDES:
                    raise _wrong(place, "too many files are included, one by another")
                yield from _read(included, section, depth + 1)
        elif keyword in KEYWORDS:
            yield section, Setting(keyword, _arguments(rest, place), place)


def _included(names: tuple[str, ...]) -> Iterator[Path]:
    """The files; names are patterns that start in ~/.ssh."""
    for name in names:
        pattern = Path.home() / ".ssh" / expand_home(name)
        found = sorted(glob.glob(str(pattern)))  # noqa: PTH207  # Path.glob needs a base
        yield from (path for path in map(Path, found) if path.is_file())


def expand_home(name: str) -> str:
    """``~`` and ``~user`` at the beginning; the name itself if there is no such user."""
    return os.path.expanduser(name)  # noqa: PTH111  # Path.expanduser raises then


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid not in {0, os.getuid()} or status.st_mode & _BY_OTHERS:
                raise _wrong(str(path), "another user can write to it")
            return file.read().decode(errors="replace")
    except OSError as error:
        raise _wrong(str(path), f"it cannot be read: {error.strerror}") from error


def _arguments(text: str, place: str) -> tuple[str, ...]:
    try:
        arguments = tuple(shlex.split(text, comments=True))
    except ValueError as error:
        raise _wrong(place, str(error)) from error
    if not arguments or "\0" in text:
        raise _wrong(place, "a value is missing, or holds a NUL byte")
    return arguments


def _host_criteria(words: tuple[str, ...], place: str) -> Iterator[_Criterion]:
    del place
    yield _Criterion("originalhost", words)


def _criteria(words: tuple[str, ...], place: str) -> Iterator[_Criterion]:
    left = list(words)
    while left:
        kind = left.pop(0)
        negated, kind = kind.startswith("!"), kind.removeprefix("!").lower()
        if kind in {"all", "canonical", "final"}:
            yield _Criterion(kind, negated=negated)
        elif left:
            yield _Criterion(kind, tuple(left.pop(0).split(",")), negated)
        else:
            raise _wrong(place, f"the value of {kind} is missing")


_CRITERIA = {"host": _host_criteria, "match": _criteria}


def _wrong(place: str, why: str) -> UnreachableError:
    return UnreachableError(codes.SSH_CONFIG, f"{place}: {why}")

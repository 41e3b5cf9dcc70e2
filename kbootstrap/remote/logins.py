"""Fills in what the inventory leaves open about a login, from ~/.ssh/config; the inventory wins.

`kbootstrap.remote.hosts` asks for each node once. Jump hosts are resolved in the same way.
"""

import getpass
import os
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from kbootstrap import codes
from kbootstrap.errors import UnreachableError
from kbootstrap.model.ssh_target import NOT_IN_INVENTORY, ROOT, SSH_PORT, SshTarget
from kbootstrap.remote.ssh_config import Setting, SshConfig, expand_home

_TOKEN = re.compile(r"%(.)|\$\{(\w+)\}")
_JUMP = re.compile(r"(?:ssh://)?(?:(.+)@)?(\[[^]]+\]|[^:@]+)(?::(\d+))?/?")
_MOST_JUMPS = 8
_LARGEST_PORT = 65535


class Logins(Protocol):
    """How to log in to a node."""

    def resolve(self, target: SshTarget, name: str) -> SshTarget: ...


class AsWritten:
    """The inventory says all."""

    def resolve(self, target: SshTarget, name: str) -> SshTarget:
        """The target itself."""
        del name
        return target


AS_WRITTEN = AsWritten()


class FromSshConfig:
    """Logins of nodes, completed from the user's file, which is read when first needed.

    ``note`` gets the values that are used, with their lines; ``warn`` what is not used.
    """

    def __init__(
        self, note: Callable[[str], None], warn: Callable[[str], None], path: Path | None = None
    ) -> None:
        self._note = note
        self._warn = warn
        self._path = path or Path.home() / ".ssh" / "config"
        self._lock = threading.Lock()
        self._config: SshConfig | None = None

    def resolve(self, target: SshTarget, name: str) -> SshTarget:
        """The target with values for what the inventory leaves open.

        Raises:
            UnreachableError: KB220, the file cannot be used.

        """
        if not target.left_open:
            return target
        with self._lock:
            if self._config is None:
                self._config = SshConfig.read(self._path)
        if not self._config:
            return target
        names = (name, target.host) if "host" in target.left_open else (target.host,)
        return self._complete(self._config, target, names, _Place(name))

    def _complete(
        self, config: SshConfig, target: SshTarget, names: tuple[str, ...], place: "_Place"
    ) -> SshTarget:
        if place.depth > _MOST_JUMPS:
            raise UnreachableError(codes.SSH_CONFIG, f"{self._path}: ProxyJump leads to itself")
        filling = _fill(config, target, names)
        if filling.used:
            self._note(f"{place.name}: {', '.join(map(str, filling.used))}")
        jump, through = target.jump, filling.first("proxyjump")
        if jump is not None:
            jump = self._complete(config, jump, (jump.host,), place.beyond(jump.host))
        elif "jump" in target.left_open and through:
            self._note(f"{place.name}: {through}")
            jump = self._jump(config, through, filling.value(through), place)
        elif "jump" in target.left_open and (command := filling.first("proxycommand")):
            self._warn(f"{place.name}: ProxyCommand ({command.place}) is not used; use ProxyJump")
        return replace(filling.target, jump=jump, left_open=frozenset())

    def _jump(
        self, config: SshConfig, setting: Setting, hops: str, place: "_Place"
    ) -> SshTarget | None:
        """The jump host nearest to the target; each is reached through the one before it."""
        nearest: SshTarget | None = None
        for hop in hops.split(",") if hops.lower() != "none" else ():
            match = _JUMP.fullmatch(hop)
            if match is None:
                raise UnreachableError(
                    codes.SSH_CONFIG, f"{setting.place}: {hop[:80]!r} is no host"
                )
            user, host, port = match[1], match[2].strip("[]"), match[3]
            given = {"port": port, "user": user, "key": None, "jump": nearest}
            one = SshTarget(
                host=host,
                port=_port(port, setting.place) if port else SSH_PORT,
                user=user or getpass.getuser(),
                jump=nearest,
                left_open=NOT_IN_INVENTORY | {key for key, value in given.items() if value is None},
            )
            nearest = self._complete(config, one, (host,), place.beyond(host))
        return nearest


@dataclass(frozen=True, slots=True)
class _Place:
    """What is completed: a node, or a jump host on the way to it."""

    name: str
    depth: int = 0

    def beyond(self, host: str) -> "_Place":
        return _Place(f"{self.name}, jump host {host}", self.depth + 1)


def _fill(config: SshConfig, target: SshTarget, names: tuple[str, ...]) -> "_Filling":
    """What is set for the first of the names, then for the second."""
    user = "" if "user" in target.left_open else target.user
    found: dict[str, tuple[str, list[Setting]]] = {}
    for name in reversed(names):
        known = config.lookup(name, user)
        found |= {keyword: (name, settings) for keyword, settings in known.items()}
    return _Filling(target, found)


class _Filling:
    """A target with the settings that were found for it.

    Attributes:
        target: the result, without a jump host of the settings.
        used: the settings that it is made from.

    """

    def __init__(self, target: SshTarget, found: Mapping[str, tuple[str, list[Setting]]]) -> None:
        """``found``: keyword -> the name for which it is set, and its lines."""
        self._found = found
        self.target = target
        self.used: list[Setting] = []
        if setting := self.first("hostname"):
            self._use(setting, host=self.value(setting, host=found["hostname"][0]))
        if (setting := self.first("port")) and "port" in target.left_open:
            self._use(setting, port=_port(self.value(setting), setting.place))
        if (setting := self.first("user")) and "user" in target.left_open:
            become = self.value(setting) != ROOT if "become" in target.left_open else target.become
            self._use(setting, user=self.value(setting), become=become)
        if (setting := self.first("hostkeyalias")) and "host_key_alias" in target.left_open:
            self._use(setting, host_key_alias=self.value(setting))
        if (setting := self.first("userknownhostsfile")) and "known_hosts" in target.left_open:
            self._use(setting, known_hosts=tuple(map(self._path, setting.arguments)))
        if "key" in target.left_open:
            self._identities()

    def first(self, keyword: str) -> Setting | None:
        """The line that counts."""
        return self._found[keyword][1][0] if keyword in self._found else None

    def value(self, setting: Setting, host: str = "") -> str:
        """The first argument, with its tokens replaced."""
        return self._expand(setting.arguments[0], host or self.target.host)

    def _identities(self) -> None:
        if setting := self.first("identitiesonly"):
            self._use(setting, identities_only=self.value(setting).lower() in {"yes", "true"})
        for setting in self._found.get("identityfile", ("", []))[1]:
            if setting.arguments[0].lower() != "none":
                file = self._path(setting.arguments[0])
                self._use(setting, identity_files=(*self.target.identity_files, file))

    def _use(self, setting: Setting, **values: object) -> None:
        self.target = replace(self.target, **values)  # type: ignore[arg-type]
        self.used.append(setting)

    def _path(self, text: str) -> str:
        expanded = self._expand(text, self.target.host)
        return os.devnull if expanded == "none" else expand_home(expanded)

    def _expand(self, text: str, host: str) -> str:
        """Replace ``%h`` and the like, and ``${VARIABLE}`` (ssh_config(5), TOKENS)."""
        local = socket.gethostname()
        tokens = {
            "%": "%",
            "d": str(Path.home()),
            "h": host,
            "L": local.partition(".")[0],
            "l": local,
            "p": str(self.target.port),
            "r": self.target.user,
            "u": getpass.getuser(),
        }

        def one(match: re.Match[str]) -> str:
            return tokens.get(match[1], match[0]) if match[1] else os.environ.get(match[2], "")

        return _TOKEN.sub(one, text)


def _port(text: str, place: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:6]) <= _LARGEST_PORT:
        raise UnreachableError(codes.SSH_CONFIG, f"{place}: {text[:20]!r} is no port")
    return int(text)

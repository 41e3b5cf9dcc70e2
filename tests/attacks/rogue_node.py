"""A node that lies: it lets kbootstrap in and answers each part of a request as the attack says.

What a part prints is text by the part's name (``probe:host``, ``read:state``), or a function of the
name. A part that is not named prints nothing. No script is run.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.attacks.rogue_ssh import READY, ssh_server

Says = str | bytes | Callable[[str], str | bytes]
_PART = re.compile(rb"^kb_part (\S+)", re.MULTILINE)


@dataclass
class RogueNode:
    """A node that is up.

    Attributes:
        inventory: of a cluster that consists of this node.
        says: name of a part -> what it prints; "*" is for all others.
        fails: parts that end with status 1; "*" is all of them.
        asked: the names of all parts so far.

    """

    inventory: Path
    says: dict[str, Says] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def shell(self, channel: Any) -> None:
        """Serve the requests of one session."""
        channel.sendall(READY)
        while head := _line(channel):
            _, nonce, size = head.split()
            script = _exactly(channel, int(size))
            mark = b"\x1eKB1 " + nonce + b" "
            channel.sendall(mark + b"H\n")
            names = [name.decode() for name in _PART.findall(script)]
            for name in names:
                self.asked.append(name)
                self._answer(channel, mark, name)
            end = b"%bZ %d\n" % (mark, len(names))
            channel.sendall_stderr(end)
            channel.sendall(end)

    def _answer(self, channel: Any, mark: bytes, name: str) -> None:
        """The frames of one part; what it prints is on stderr as well."""
        part, body = name.encode(), self._said(name)
        rc = int(name in self.fails or "*" in self.fails)
        channel.sendall_stderr(b"%bB %b\n%b\n%bE %b\n" % (mark, part, body, mark, part))
        channel.sendall(b"%bR %b %d 1 %d\n%b\n" % (mark, part, rc, len(body), body))

    def _said(self, name: str) -> bytes:
        says = self.says.get(name, self.says.get("*", b""))
        text = says(name) if callable(says) else says
        return text.encode() if isinstance(text, str) else text


def _line(channel: Any) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = channel.recv(1)
        if not byte:
            return b""
        line += byte
    return line


def _exactly(channel: Any, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += channel.recv(size - len(data))
    return data


@contextmanager
def running(directory: Path) -> Iterator[RogueNode]:
    """The node, and an inventory that names it."""
    node = RogueNode(directory / "inventory.yaml")
    with ssh_server(node.shell) as target:
        ssh = {
            "host": target.host,
            "port": target.port,
            "password": {"env": "HOME"},
            "host_keys": list(target.host_keys),
        }
        data = {
            "cluster": {"name": "demo"},
            "kubernetes": {"version": "v1.34.2"},
            "nodes": [{"name": "n1", "address": "192.0.2.11", "role": "both", "ssh": ssh}],
            "cni": {"type": "bridge"},
            "programs": {"source": "preinstalled"},
        }
        node.inventory.write_text(yaml.safe_dump(data))
        yield node

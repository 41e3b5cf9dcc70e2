"""How members see each other, and the error they agree on."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol


class EtcdError(Exception):
    """An error whose text begins with 'etcdserver: '."""


class Transport(Protocol):
    """How a member talks to another; None means no answer."""

    def send(self, peer: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None: ...


@dataclasses.dataclass
class Follower:
    """What the leader knows of another member."""

    match: int = -1
    heard: float = 0.0

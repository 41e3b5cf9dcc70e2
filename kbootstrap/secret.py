"""A secret that cannot be printed by accident, and a reference to one.

`Secret` is not a ``str``: formatting, logging, JSON and pickling show ``***`` or fail.
Only ``kbootstrap.remote`` calls `Secret.reveal`, which an architecture test checks. Every secret of
this process is remembered, so that `kbootstrap.masking` can mask it wherever it appears.
"""

import re
from dataclasses import dataclass
from typing import Literal, NoReturn

SHORTEST = 6  # characters; a shorter value would mask parts of ordinary text
_PIECE = re.compile(r"[A-Za-z0-9+/=_-]{40,}")  # lines of PEM, data of a kubeconfig
_known: dict[str, None] = {}  # of the whole process; threads only add to it


def remember(value: str) -> str:
    """Have a value masked; of a text of several lines, each long run of base64. Returns it."""
    pieces = _PIECE.findall(value) if "\n" in value else [value]
    _known.update(dict.fromkeys(piece for piece in pieces if len(piece) >= SHORTEST))
    return value


def known() -> list[str]:
    """Every value to mask, the longest first."""
    return sorted(_known, key=len, reverse=True)


class Secret:
    """A secret value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = remember(value)

    def reveal(self) -> str:
        """The value itself; only for SSH channels and files with mode 0600."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(("secret", self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never serialised")


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where the user stores a secret; the inventory never holds the value itself."""

    kind: Literal["env", "file", "prompt"]
    name: str  # variable, path, or the text of the prompt

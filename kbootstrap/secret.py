"""A secret that cannot be printed by accident, and a reference to one.

`Secret` is not a ``str``: formatting, logging, JSON and pickling show ``***`` or fail.
Only ``kbootstrap.remote`` calls `Secret.reveal`, which an architecture test checks.
"""

from dataclasses import dataclass
from typing import Literal, NoReturn


class Secret:
    """A secret value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

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

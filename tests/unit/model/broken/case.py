"""One broken inventory and what must be said about it."""

from dataclasses import dataclass

from kbootstrap.errors import Code


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    code: Code
    key: str
    text: str  # replaces sections of the valid base; § stands before the place
    says: str  # part of the message or of what is allowed
    meant: str = ""

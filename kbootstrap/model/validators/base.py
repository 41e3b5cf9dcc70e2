"""The error of a validator: a code, what is allowed and what was probably meant."""

import difflib
from collections.abc import Iterable

from pydantic_core import PydanticCustomError

from kbootstrap.errors import Code


def bad(code: Code, message: str, *, allowed: str = "", meant: str = "") -> PydanticCustomError:
    """The error to raise; its texts pass through pydantic as data, never as a format."""
    details = {"code": code, "message": message, "allowed": allowed, "meant": meant}
    return PydanticCustomError("inventory", "{message}", details)


def closest(word: str, known: Iterable[str], *, similar: float = 0.6) -> str:
    """The known name that the user most likely meant, or an empty string.

    ``similar``: the least ratio of `difflib`; 1 is equal.
    """
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=similar)
    return names[near[0]] if near else ""

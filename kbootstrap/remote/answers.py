"""Reads responses of an API server or etcd, which may have any form.

Code that takes a response apart runs in `reading`; `checked` compares what it made of it with the
types of its fields, so that plans find what they expect.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

from kbootstrap import codes
from kbootstrap.errors import PhaseError

T = TypeVar("T")
_LONGEST = 200  # characters of a reason
_OTHER_FORM = (
    *(AttributeError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError),
    yaml.YAMLError,
)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turns the failures of code that takes a response apart into an error.

    Raises:
        PhaseError: KB335, the response has another form.

    """
    try:
        yield
    except _OTHER_FORM as error:
        reason = f"{type(error).__name__}: {error}"[:_LONGEST]
        raise PhaseError(codes.MALFORMED_ANSWER, f"{what}: {reason}") from error


def checked(value: T) -> T:
    """A dataclass, also one within others, whose fields have the types of their annotations.

    Raises:
        TypeError: a field has another type.

    """
    kind: Any = type(value)  # mypy takes no class of T for hashable
    for name, hint in _hints(kind).items():
        if not _fits(getattr(value, name), hint):
            raise TypeError(f"{name} of {kind.__name__} has an unexpected type")
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return any(_fits(value, one) for one in arguments)
    if origin is Literal:
        return value in arguments
    if origin is not None:
        return isinstance(value, origin) and _items_fit(value, arguments)
    fits = type(value) is (NoneType if hint is None else hint)
    return fits and (not is_dataclass(hint) or checked(value) is value)


def _items_fit(value: Any, arguments: tuple[Any, ...]) -> bool:
    """Of a frozenset, or of a tuple of any or of a fixed length."""
    if isinstance(value, tuple) and arguments[-1] is not ...:
        return len(value) == len(arguments) and all(map(_fits, value, arguments))
    return all(_fits(one, arguments[0]) for one in value)

"""Compares the files on a node with those that a phase wants there.

Both are lines of "identity path", as a probe prints them; what the identity holds (sha256,
mode, owner) is the phase's choice.
"""

from collections.abc import Container, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def missing(
    have: tuple[str, ...], wanted: Iterable[tuple[str, str, T]]
) -> Iterator[tuple[T, tuple[str, ...]]]:
    """Yield each wanted (identity, path, item) that the node lacks or has in another form.

    The item comes with the lines that the node has once it is written, for the action's effect.
    """
    for identity, path, item in wanted:
        line = f"{identity} {path}"
        if line in have:
            continue
        have = (*(h for h in have if not h.endswith(f" {path}")), line)
        yield item, have


def unwanted(have: tuple[str, ...], paths: Container[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each path on the node that is not among ``paths``, and the lines without it."""
    for line in have:
        path = line.partition(" ")[2]
        if path not in paths:
            have = tuple(other for other in have if other != line)
            yield path, have

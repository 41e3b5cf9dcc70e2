"""Files on a node as facts, lines of "identity path": which lack, which are not wanted."""

from collections.abc import Container, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def lacking(
    have: tuple[str, ...], wanted: Iterable[tuple[str, str, T]]
) -> Iterator[tuple[T, tuple[str, ...]]]:
    """Each wanted (identity, path, item) that is not there as it should be.

    With the item comes what the node has once it is placed, for the action's effect.
    """
    for identity, path, item in wanted:
        line = f"{identity} {path}"
        if line in have:
            continue
        have = (*(h for h in have if not h.endswith(f" {path}")), line)
        yield item, have


def unwanted(have: tuple[str, ...], paths: Container[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each path that is there but not among ``paths``, and what the node has without it."""
    for line in have:
        path = line.partition(" ")[2]
        if path not in paths:
            have = tuple(other for other in have if other != line)
            yield path, have

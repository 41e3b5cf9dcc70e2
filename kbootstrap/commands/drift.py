"""Where the live cluster differs from the inventory: refused if fixed, else reported."""

from collections.abc import Iterable, Iterator

from kbootstrap import codes_drift as codes
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.difference import Difference

Differences = tuple[Difference, ...]


def refusals(found: Iterable[Difference]) -> Iterator[KbError]:
    """One error for each fixed setting."""
    for difference in found:
        if difference.fixed:
            remedy = difference.remedy
            yield RefusedError(codes.FIXED, difference.text, detail=remedy).at(difference.node)


def unapplied(found: Iterable[Difference]) -> Differences:
    """The settings that a later command could bring to the cluster."""
    return tuple(difference for difference in found if not difference.fixed)


def lines(found: Differences) -> Iterator[str]:
    """The report for people; the same setting of several nodes in one line."""
    if not found:
        return
    yield "the live cluster differs from the inventory; this command does not change it:"
    places: dict[tuple[str, str], list[str]] = {}
    for one in found:
        places.setdefault((one.text, one.remedy), []).append(one.node)
    for (text, remedy), nodes in places.items():
        names = ", ".join(filter(None, nodes))
        yield f"  - {names}{': ' if names else ''}{text}"
        if remedy:
            yield f"      {remedy}"


def record(difference: Difference) -> dict[str, str]:
    """One difference as a JSON object."""
    return {
        "event": "difference",
        "key": difference.key,
        "live": difference.live,
        "wanted": difference.wanted,
        "node": difference.node,
        "remedy": difference.remedy,
    }

"""The settings in which the live cluster differs from the inventory, as text and as JSON."""

from collections.abc import Iterator

from kbootstrap.model.difference import Difference
from kbootstrap.visible import one_line

Differences = tuple[Difference, ...]


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
        yield f"  - {names}{': ' if names else ''}{one_line(text)}"
        if remedy:
            yield f"      {one_line(remedy)}"


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

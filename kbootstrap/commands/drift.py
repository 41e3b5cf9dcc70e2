"""Where the live cluster differs from the inventory: refused if fixed, else reported."""

from collections.abc import Iterable, Iterator, Mapping

from kbootstrap import codes
from kbootstrap.engine.survey import Snapshot
from kbootstrap.errors import KbError, RefusedError
from kbootstrap.model.difference import Difference
from phases import member

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


def damaged(snapshots: Mapping[str, Snapshot]) -> str:
    """Files of kubeadm's that are missing or damaged, for the error of an API that is down."""
    found = {name: seen.facts.get(member.PHASE.id) for name, seen in snapshots.items()}
    return "\n".join(
        f"missing or damaged on {name}: {path}"
        for name, facts in found.items()
        if facts is not None
        for path in facts.damaged
    )


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

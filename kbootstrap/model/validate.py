"""Validates an inventory against its classes and collects all violations.

Broken parts are removed and the rest is validated again, so that one wrong key hides no other
violation. What remains is a smaller, valid inventory on which `checks` can run.

Without this, pydantic would report all of its errors in one pass, but the checks of several keys
would not run: of 103 kinds of mistakes that are tested, 59 are found by those checks only.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kbootstrap import codes
from kbootstrap.model import pydantic_errors
from kbootstrap.model.inventory import Inventory
from kbootstrap.model.problems import Path, Violation
from kbootstrap.model.yaml_source import Items, YamlSource

# Violations after which the value is still usable.
_HARMLESS = {codes.INV_UNKNOWN_KEY, codes.INV_DUPLICATE_KEY}
_ROUNDS = 20  # each removes at least what the round before reported
# Stubs for required keys that are missing or wrong; never shown to users.
_STUBS: dict[Path, Any] = {
    ("cluster",): {"name": "unnamed"},
    ("cluster", "name"): "unnamed",
    ("kubernetes",): {"version": "v1.34.0"},
    ("kubernetes", "version"): "v1.34.0",
    ("nodes",): Items.of(()),
}


@dataclass(slots=True)
class Validated:
    """The valid part of a source, and all violations."""

    source: YamlSource
    inventory: Inventory | None = None
    findings: list[Violation] = field(default_factory=list)
    data: Any = None  # the source's data without the broken parts
    _broken: set[Path] = field(default_factory=set)
    _above: set[Path] = field(default_factory=set)  # of the broken ones

    def original(self, path: Path) -> Path:
        """The path in the file for a path in `data`, which lacks the broken list items."""
        here, result = self.data, list(path)
        for at, part in enumerate(path):
            if isinstance(part, int) and isinstance(here, Items) and part < len(here):
                result[at] = here.places[part]
            here = _child(here, part)
        return tuple(result)

    def is_near_broken(self, path: Path) -> bool:
        """Whether a violation is already known above, at or below this path."""
        return path in self._above or not self._broken.isdisjoint(_prefixes(path))

    def mark_broken(self, findings: Iterable[Violation]) -> None:
        """Record the paths of these violations as broken."""
        for finding in findings:
            if finding.code not in _HARMLESS:
                self._broken.add(finding.path)
                self._above.update(_prefixes(finding.path))


def _prefixes(path: Path) -> Iterator[Path]:
    return (path[:length] for length in range(len(path) + 1))


def validate(source: YamlSource) -> Validated:
    """Validate the source's data, round after round."""
    state = Validated(source, findings=list(source.findings), data=source.data)
    state.mark_broken(source.findings)
    if not isinstance(source.data, Mapping):
        if not source.findings:
            message = "the file is empty" if source.data is None else "must be a mapping of keys"
            state.findings.append(Violation(code=codes.INV_TYPE, path=(), message=message))
        return state
    for _ in range(_ROUNDS):
        try:
            state.inventory = Inventory.model_validate(state.data)
        except ValidationError as error:
            _digest(state, error.errors(include_url=False, include_input=False))
        else:
            break
    return state


def _digest(state: Validated, errors: list[ErrorDetails]) -> None:
    """Record new violations, then remove the broken parts from the data."""
    found = [
        pydantic_errors.violation(
            error, state.original(pydantic_errors.location(error)), state.source
        )
        for error in errors
    ]
    fresh = [finding for finding in found if not state.is_near_broken(finding.path)]
    misspelt = {(f.path[:-1], f.meant) for f in fresh if f.code is codes.INV_UNKNOWN_KEY}
    state.findings += [f for f in fresh if not _is_explained(f, misspelt)]
    state.mark_broken(found)
    state.data = _repaired(state.data, errors)


def _repaired(data: Any, errors: list[ErrorDetails]) -> Any:
    """The data without the broken parts, and with stubs for required keys."""
    stubs, broken = [], set()
    for error in errors:
        path = pydantic_errors.location(error)
        if error["type"] != "missing":
            broken.add(path)
        elif path in _STUBS:
            stubs.append(path)
        else:
            broken.add(path[:-1])  # a mapping that lacks a required key is removed
    # From the end, so that the indexes of earlier list items stay valid.
    for path in sorted(broken, key=_order, reverse=True):
        data = _without(data, path)
    for path in stubs:
        data = _stubbed(data, path)
    return data


def _is_explained(finding: Violation, misspelt: set[tuple[Path, str]]) -> bool:
    """Whether this key is missing because a key beside it is misspelt."""
    if finding.code is not codes.INV_MISSING_KEY:
        return False
    return (finding.path[:-1], finding.path[-1]) in misspelt


def _order(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple((part, "") if isinstance(part, int) else (-1, part) for part in path)


def _child(here: Any, part: str | int) -> Any:
    try:
        return here[part]
    except (KeyError, IndexError, TypeError):
        return None


def _without(data: Any, path: Path) -> Any:
    """The data without the value at ``path``, or at the longest part of it that exists."""
    head, rest = path[0], path[1:]
    child = _child(data, head)
    gone = not rest or not isinstance(child, Mapping | Items)
    if isinstance(data, Items):
        pairs = zip(data.places, data, strict=True)
        kept = ((at, i, value) for i, (at, value) in enumerate(pairs) if not (gone and i == head))
        return Items.of((at, _without(v, rest) if i == head else v) for at, i, v in kept)
    kept_keys = {key: value for key, value in data.items() if not (gone and key == head)}
    return kept_keys if gone else {**kept_keys, head: _without(child, rest)}


def _stubbed(data: Any, path: Path) -> Any:
    """The data with a stub for a missing key."""
    *above, key = path
    if not above:
        return {**data, key: _STUBS[path]}
    return {**data, above[0]: {**data[above[0]], key: _STUBS[path]}}

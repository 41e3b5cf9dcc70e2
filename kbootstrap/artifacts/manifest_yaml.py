"""Reads the YAML of manifests, which may be made to use up memory, time or the stack.

What aliases expand to and how deep it is nested is measured before anything is built. As in
Kubernetes, which converts YAML to JSON, a date without quotes is a text.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

_MOST_DEEP = 100
_MOST = 48 * 1024**2  # bytes in memory, about: characters, and what each value takes
_VALUE = 64
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class BadYamlError(Exception):
    """It is not YAML, or it is too large once it is read."""


def documents(content: bytes) -> list[Any]:
    """All documents, as plain data.

    Raises:
        BadYamlError: they cannot be read.

    """
    try:
        _measure(content)
        return list(yaml.load_all(content, Loader=_Loader))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise BadYamlError(" ".join(str(error).split())) from error


@dataclass(slots=True)
class _Collection:
    """A list or mapping that has not ended yet."""

    anchor: str | None
    size: int = _VALUE


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe, and without dates."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in its base class
        first: [rule for rule in rules if rule[0] != _TIMESTAMP]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(slots=True)
class _Measure:
    """The sizes of what a stream of events would build; nothing of it is built."""

    by_anchor: dict[str, int] = field(default_factory=dict)
    open: list[_Collection] = field(default_factory=list)
    total: int = 0  # of the documents so far

    def add(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.CollectionStartEvent):
            self.open.append(_Collection(event.anchor))
            if len(self.open) > _MOST_DEEP:
                raise BadYamlError(f"it is nested more than {_MOST_DEEP} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = self.open.pop()
            self._value(ended.anchor, ended.size)
        elif isinstance(event, yaml.ScalarEvent):
            self._value(event.anchor, _VALUE + len(event.value))
        elif isinstance(event, yaml.AliasEvent):
            if any(event.anchor == collection.anchor for collection in self.open):
                raise BadYamlError(f"the alias {event.anchor} contains itself")
            self._value(None, self.by_anchor.get(event.anchor or "", 0))

    def _value(self, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self.by_anchor[anchor] = size
        if self.open:
            self.open[-1].size += size
        else:
            self.total += size
        if self.total + sum(collection.size for collection in self.open) > _MOST:
            raise BadYamlError(f"it is larger than {_MOST} bytes once its aliases are replaced")


def _measure(content: bytes) -> None:
    measure = _Measure()
    for event in yaml.parse(content, Loader=_Loader):
        measure.add(event)

"""Free-form documents of the user: kubelet settings, runtime settings, manifests.

Stored as canonical JSON, so that a model that holds one is frozen, hashable and comparable.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON object."""

    text: str = "{}"

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Freeze a mapping; keys are sorted, so equal documents have equal text."""
        return cls(json.dumps(data, sort_keys=True, ensure_ascii=False))

    @property
    def data(self) -> dict[str, Any]:
        """A fresh copy as plain data, for renderers."""
        loaded: dict[str, Any] = json.loads(self.text)
        return loaded

    def over(self, base: Mapping[str, Any]) -> "Document":
        """This document merged over ``base``: objects merge, anything else replaces."""
        return Document.of(merged(base, self.data))

    def __bool__(self) -> bool:
        return self.text != "{}"


EMPTY = Document()


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` merged over ``base``, key by key; lists and scalars replace, null removes."""
    result = dict(base)
    for key, value in over.items():
        mine = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = merged(mine if isinstance(mine, Mapping) else {}, value)
        else:
            result[key] = value
    return result

"""Merges defaults, groups and node into the settings of each node.

Mappings merge key by key; lists and scalars replace; ``null`` removes an inherited value. A
reference to a secret is replaced as a whole. `MergedNode.origin` finds the layer of a setting,
so that a message names the right line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from kbootstrap.model.inventory import Inventory
from kbootstrap.model.problems import Path
from kbootstrap.model.settings import Layer, NodeEntry, Settings

L = TypeVar("L", bound=Layer)
_TWINS = {"role": "roles", "roles": "role"}  # two keys for the same setting: the later one wins


@dataclass(frozen=True, slots=True)
class MergedNode:
    """A node with its merged settings and the layers they came from, weakest first."""

    index: int
    entry: NodeEntry
    settings: Settings
    layers: tuple[tuple[Path, Settings], ...]

    @property
    def path(self) -> Path:
        """The path of the node's entry."""
        return ("nodes", self.index)

    def origin(self, *keys: str | int) -> Path:
        """The path of a setting in the strongest layer that sets it, else in the node's entry."""
        for path, layer in reversed(self.layers):
            if _writes(layer, keys):
                return (*path, *keys)
        return (*self.path, *keys)


def members(inventory: Inventory) -> tuple[MergedNode, ...]:
    """Every node with its merged settings; unknown groups are skipped."""
    return tuple(_member(inventory, i, entry) for i, entry in enumerate(inventory.nodes))


def _member(inventory: Inventory, index: int, entry: NodeEntry) -> MergedNode:
    layers: list[tuple[Path, Settings]] = [(("defaults",), inventory.defaults)]
    known = inventory.groups
    layers.extend((("groups", g), known[g]) for g in entry.groups if g in known)
    layers.append((("nodes", index), entry))
    merged = Settings()
    for _, layer in layers:
        merged = overlay(merged, layer)
    return MergedNode(index, entry, merged, tuple(layers))


def overlay(base: L, over: Layer) -> L:
    """``over`` merged over ``base``; the result has the class and the keys of ``base``."""
    kind = type(base)
    values = {name: getattr(base, name) for name in base.model_fields_set}
    for name in over.model_fields_set & kind.model_fields.keys():
        values[name] = _laid(values.get(name), getattr(over, name))
        if name in _TWINS and _TWINS[name] not in over.model_fields_set:
            values.pop(_TWINS[name], None)
    return kind.model_construct(**values)


def _laid(base: Any, over: Any) -> Any:
    if isinstance(over, Layer):
        return overlay(base if isinstance(base, Layer) else type(over)(), over)
    if isinstance(over, Mapping):
        both = {**base, **over} if isinstance(base, Mapping) else dict(over)
        return {key: value for key, value in both.items() if value is not None}
    return over


def _writes(layer: Any, keys: tuple[str | int, ...]) -> bool:
    here = layer
    for key in keys:
        if isinstance(here, BaseModel):
            if key not in here.model_fields_set:
                return False
            here = getattr(here, str(key))
        elif isinstance(here, Mapping):
            if key not in here:
                return False
            here = here[key]
        elif not (isinstance(here, tuple) and isinstance(key, int) and key < len(here)):
            return False
        else:
            here = here[key]
    return True

"""Every key of the inventory, from its models: a new key is found unasked."""

from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel

from kbootstrap.model.inventory import Inventory


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models inside an annotation such as ``tuple[NodeEntry, ...]`` or ``Ssh | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def keys(model: type[BaseModel] = Inventory, prefix: str = "") -> Iterator[str]:
    """Every leaf, as a path of field names."""
    for name, info in model.model_fields.items():
        inside = [] if name == "taints" else list(_models(info.annotation))
        if not inside:
            yield prefix + name
        for inner in inside:
            yield from keys(inner, f"{prefix}{name}.")

"""Finds the type, keys and description that the inventory's classes have at a path of keys."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from kbootstrap.model.problems import Path


def bare(annotation: Any) -> Any:
    """The type without `Annotated` and ``| None``."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in {Union, UnionType}:
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        else:
            return annotation


def type_at(root: Any, path: Path) -> Any:
    """The bare type at ``path``; None where any value is allowed."""
    here = bare(root)
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(part))
            here = bare(field.annotation) if field else None
        elif get_origin(here) is tuple:
            here = bare(get_args(here)[0])
        elif get_origin(here) is dict:
            here = bare(get_args(here)[1])
        else:
            return None
    return here


def keys_at(root: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that the mapping at ``path`` may have; empty if any key is allowed."""
    here = type_at(root, path)
    if isinstance(here, type) and issubclass(here, BaseModel):
        return tuple(here.model_fields)
    return ()


def description_at(root: type[BaseModel], path: Path) -> str:
    """What the key at ``path`` is for."""
    holder = type_at(root, path[:-1])
    if not (isinstance(holder, type) and issubclass(holder, BaseModel)) or not path:
        return ""
    field = holder.model_fields.get(str(path[-1]))
    return field.description or "" if field else ""

"""Finds the data files: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def data_path(kind: Literal["templates", "inventory"]) -> Path:
    """The directory of templates or starter inventories."""
    packed = _PACKAGE / "data" / kind
    return packed if packed.is_dir() else _PACKAGE.parent / kind

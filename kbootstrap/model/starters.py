"""The starter inventories that `kbootstrap init` writes."""

import re

from kbootstrap import codes
from kbootstrap.errors import InventoryError
from kbootstrap.model.validators.base import closest
from kbootstrap.model.versions import Version
from kbootstrap.resources import data_path

LAYOUTS = ("single", "ha", "external-etcd", "airgap")
_VERSION = re.compile(r"^(  version: )v[0-9.]+( *)", re.MULTILINE)


def text(layout: str, version: str | None = None) -> str:
    """The commented starter inventory of a layout; ``version`` replaces its release.

    Raises:
        InventoryError: there is no such layout, or the version is not an exact one.
    """
    if layout not in LAYOUTS:
        near = closest(layout, LAYOUTS)
        meant = f'; did you mean "{near}"?' if near else ""
        message = f"there is no layout {layout!r} (allowed: {', '.join(LAYOUTS)}{meant})"
        raise InventoryError(codes.INV_VALUE, message)
    starter = (data_path("inventory") / f"{layout}.yaml").read_text(encoding="utf-8")
    if version is None:
        return starter
    try:
        exact = Version.parse(version)
    except ValueError as error:
        raise InventoryError(codes.INV_VERSION, str(error)) from error
    return _VERSION.sub(rf"\g<1>{exact}\g<2>", starter, count=1)

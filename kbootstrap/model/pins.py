"""The pins file: what each download of an inventory was when `kbootstrap pin` ran.

It is beside the inventory; keep both in version control. Called by
`kbootstrap.model.load` and by the command; written for people who review it.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from kbootstrap import bounded_file, codes
from kbootstrap.errors import InventoryError
from kbootstrap.model.yaml_source import SyntaxProblem, YamlSource

SCHEMA = 1
_MAX_BYTES = 1024**2  # of some thousand downloads
_SHA256 = re.compile("[0-9a-f]{64}")
_HEAD = """\
# Written by `kbootstrap pin`. Later runs refuse a download that differs (KB510) or is missing here
# (KB511). See docs/programs.md.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One download.

    Attributes:
        url: with all placeholders replaced.
        sha256: in hex.
        size: bytes.
        version: the Kubernetes release for which it was resolved.
        architecture: ``amd64`` or ``arm64``; empty if it fits every node.

    """

    url: str
    sha256: str
    size: int
    version: str
    architecture: str = ""


def pins_path(inventory: Path) -> Path:
    """``inventory.pins.yaml`` beside ``inventory.yaml``."""
    return inventory.with_name(f"{inventory.stem}.pins.yaml")


def text(pins: Iterable[Pin]) -> str:
    """The file, in the order of the URLs."""
    downloads = [asdict(pin) for pin in sorted(pins, key=lambda pin: (pin.url, pin.version))]
    data = {"schema": SCHEMA, "downloads": downloads}
    return _HEAD + yaml.safe_dump(data, sort_keys=False, width=1000)


def read(path: Path) -> tuple[Pin, ...] | None:
    """The pins of a file; None if there is none.

    Raises:
        InventoryError: KB197, it is something else.

    """
    try:
        source = YamlSource(str(path), bounded_file.text(path, _MAX_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _bad(path, (error.strerror or "cannot be read").lower()) from error
    except SyntaxProblem as error:
        raise _bad(path, error.message) from error
    data = source.data
    if source.findings or not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise _bad(path, f"it is not a file of schema {SCHEMA}")
    return tuple(_pin(path, entry) for entry in _entries(path, data))


def _entries(path: Path, data: dict[str, Any]) -> tuple[Any, ...]:
    entries = data.get("downloads")
    if not isinstance(entries, tuple):
        raise _bad(path, "it has no list `downloads`")
    return entries


def _pin(path: Path, entry: Any) -> Pin:
    texts = ("url", "sha256", "version", "architecture")
    good = (
        isinstance(entry, dict)
        and set(entry) == {*texts, "size"}
        and all(isinstance(entry[key], str) for key in texts)
        and isinstance(entry["size"], int)
        and _SHA256.fullmatch(entry["sha256"])
    )
    if not good:
        raise _bad(path, f"{entry!r:.200} is not a download with its sha256")
    return Pin(**entry)


def _bad(path: Path, message: str) -> InventoryError:
    return InventoryError(codes.BAD_PINS, f"{path}: {message}")

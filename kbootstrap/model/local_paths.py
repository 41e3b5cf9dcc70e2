"""Paths on the operator's machine: relative to the inventory, with ``~`` expanded."""

import os
from pathlib import Path
from typing import Literal


def local(text: str, folder: Path) -> str:
    """The absolute path that ``text`` in an inventory in ``folder`` means."""
    return os.path.normpath(folder / Path(text).expanduser())


def is_url(text: str) -> bool:
    """Whether a manifest is fetched instead of read."""
    return text.startswith(("https://", "http://"))


def exists(path: str, kind: Literal["file", "folder"]) -> bool:
    """Whether there is such a file or folder that we may see."""
    try:
        return Path(path).is_dir() if kind == "folder" else Path(path).is_file()
    except OSError:
        return False


def files_in(folder: str) -> tuple[str, ...]:
    """The names of the files directly in a folder, sorted; none if it cannot be read."""
    try:
        return tuple(sorted(entry.name for entry in Path(folder).iterdir() if entry.is_file()))
    except OSError:
        return ()

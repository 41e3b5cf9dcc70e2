"""Paths on the operator's workstation: relative to the inventory, with ``~`` expanded."""

import os
from pathlib import Path
from typing import Literal


def local(text: str, directory: Path) -> str:
    """The absolute path of ``text``, which is relative to the inventory's directory."""
    return os.path.normpath(directory / Path(text).expanduser())


def is_url(text: str) -> bool:
    """Whether a manifest is a URL, which is downloaded, and not a local path."""
    return text.startswith(("https://", "http://"))


def exists(path: str, kind: Literal["file", "directory"]) -> bool:
    """Whether the file or directory exists and is visible to this process."""
    try:
        return Path(path).is_dir() if kind == "directory" else Path(path).is_file()
    except OSError:
        return False


def files_in(directory: str) -> tuple[str, ...]:
    """The names of the files in a directory, sorted; none if it cannot be read."""
    try:
        return tuple(sorted(entry.name for entry in Path(directory).iterdir() if entry.is_file()))
    except OSError:
        return ()

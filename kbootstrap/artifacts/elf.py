"""What an executable file was built for: architecture and release; it is not run."""

import mmap
from pathlib import Path

_MACHINES = {0x3E: "amd64", 0xB7: "arm64"}  # e_machine, see elf(5)


def architecture(path: Path) -> str | None:
    """``amd64``, ``arm64`` or ``unknown``; None for a script or anything else that is not ELF."""
    with path.open("rb") as file:
        head = file.read(20)
    if head[:4] != b"\x7fELF":
        return None
    return _MACHINES.get(int.from_bytes(head[18:20], "little"), "unknown")


def contains(path: Path, text: str) -> bool:
    """Whether an ELF file has this text, such as the release that the Go linker put into it.

    Only its absence is evidence: ``v1.35.1`` is in a file of v1.35.10, too.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(text.encode()) >= 0

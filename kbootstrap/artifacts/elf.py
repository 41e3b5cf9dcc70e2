"""The architecture that an executable file was built for, read from its ELF header."""

from pathlib import Path

_MACHINES = {0x3E: "amd64", 0xB7: "arm64"}  # e_machine, see elf(5)


def architecture(path: Path) -> str | None:
    """``amd64``, ``arm64`` or ``unknown``; None for a script or anything else that is not ELF."""
    with path.open("rb") as file:
        head = file.read(20)
    if head[:4] != b"\x7fELF":
        return None
    return _MACHINES.get(int.from_bytes(head[18:20], "little"), "unknown")

"""Small disks for a node, so that a full disk can be tried without filling the host's own."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.lab.shell import LabError, run

BALLAST = ".kbootstrap-lab-ballast"


@dataclass(frozen=True)
class SmallDisks:
    """Paths of one node which are file systems of their own, each with a size such as "64m".

    They are tmpfs mounts made on the host: a reboot of the node keeps them. "/" is the whole
    node's disk; any other path begins with what the image has there.
    """

    folder: Path
    sizes: dict[str, str]

    def mount(self, path: str, fallback: Path) -> Path:
        """Mount the disk meant for `path` and give its directory; `fallback` if there is none."""
        if path not in self.sizes:
            return fallback
        disk = self.disk(path)
        disk.mkdir(parents=True)
        run(["mount", "-t", "tmpfs", "-o", f"size={self.sizes[path]}", "kbl-disk", disk])
        for part in ("upper", "work"):
            (disk / part).mkdir()
        return disk / "upper"

    def volumes(self, root: Path) -> dict[str, Path]:
        """Mount all disks but "/", filled from `root`; give path and directory for podman."""
        found = {}
        for path in self.sizes.keys() - {"/"}:
            content = self.mount(path, Path())
            source = root / path.lstrip("/")
            if source.is_dir():
                run(["cp", "--archive", f"{source}/.", content])
            found[path] = content
        return found

    def unmount(self) -> None:
        """Unmount whatever is mounted here, also by a lab we know nothing of but its directory."""
        for disk in self.folder.glob("*"):
            run(["umount", "--quiet", disk], check=False)

    def disk(self, path: str) -> Path:
        return self.folder / (path.strip("/").replace("/", "-") or "root")

    def fill(self, path: str) -> None:
        """Use up the last free byte of a small disk."""
        if path not in self.sizes:
            raise LabError(f"{path} is not a small disk; give the node disks={{{path!r}: '64m'}}")
        block = b"\0" * 65536
        with (self.disk(path) / BALLAST).open("wb", buffering=0) as ballast:
            while block:
                try:
                    os.write(ballast.fileno(), block)
                except OSError:
                    block = block[: len(block) // 2]

    def free(self, path: str) -> None:
        """Give the room back."""
        (self.disk(path) / BALLAST).unlink(missing_ok=True)

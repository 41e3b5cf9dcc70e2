"""What one family of distributions is, and what is the same in all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

CRIO = "https://github.com/cri-o/packaging"
COREUTILS = (
    *("base64", "cat", "chmod", "chown", "cp", "date", "dd", "df", "du", "env", "head", "ln", "ls"),
    *("mkdir", "mv", "od", "readlink", "rm", "rmdir", "sha256sum", "sleep", "sort", "stat", "sync"),
    *("tail", "timeout", "tr", "uname", "wc"),
)
# Package -> its commands, where every family has the same.
COMMON: Mapping[str, tuple[str, ...]] = {
    "coreutils": COREUTILS,
    "cri-o": ("crio",),
    "diffutils": ("cmp",),
    "findutils": ("find",),
    "systemd": ("journalctl", "systemctl", "systemd-run"),
    "util-linux": ("flock", "losetup", "mount", "mountpoint", "nsenter", "swapoff", "umount"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family; chosen by `kbootstrap.distro.family_of`.

    Attributes:
        ids: values of ID, or in ID_LIKE, of os-release(5).
        installs: commands that install the packages named after them; the usual one first.
        packages: package -> its commands, where they differ from `COMMON`.
            A command in neither has a package of its own name.
        sources: package -> where it comes from, if the distribution itself does not have it.

    """

    ids: tuple[str, ...]
    installs: tuple[str, ...]
    packages: Mapping[str, tuple[str, ...]]
    sources: Mapping[str, str]

    def package(self, command: str) -> str:
        """The package that has the command."""
        for packages in (self.packages, COMMON):
            for package, commands in packages.items():
                if command in commands:
                    return package
        return command

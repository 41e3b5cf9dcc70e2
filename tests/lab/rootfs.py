"""Root file systems made of Debian packages, built once per recipe and retained in a cache.

Nodes never write to them: every node sees one through an overlay. A recipe's hash covers its
package list and every file under `image/`, so a changed recipe is a new directory and running
labs keep theirs.
"""

import fcntl
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.shell import run

CACHE = Path("/var/cache/kbootstrap-lab")
IMAGE_FILES = Path(__file__).with_name("image")
SUITE = "bookworm"
NEWER = "trixie"
OPSPW_PASSWORD = "correct horse 'battery' $taple"  # sudo password of opspw: awkward on purpose

NODE_PACKAGES = (
    "systemd systemd-sysv dbus libpam-systemd openssh-server iproute2 iptables nftables sudo curl"
    " ca-certificates kmod udev procps ethtool conntrack socat containerd runc"
    " containernetworking-plugins ebtables python3-minimal python3-cryptography python3-yaml"
    " netbase iputils-ping mount util-linux jq uuid-runtime"
)
IMAGE_PACKAGES = "iptables nftables conntrack kmod ipset"

# Mounts live in a mount namespace of their own, so a killed build leaves none behind.
IN_CHROOT = """
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount -t sysfs -o ro sysfs "$1/sys"
mount --rbind /dev "$1/dev"
exec chroot "$@"
"""


@dataclass(frozen=True)
class Recipe:
    """What goes into one root filesystem: packages, files laid over them, a last script."""

    name: str
    packages: str = ""
    files: str = ""
    script: str = ""
    suite: str = SUITE

    @property
    def path(self) -> Path:
        """Where the built tree is, or will be."""
        return CACHE / f"{self.name}-{self._hash()[:12]}"

    def _hash(self) -> str:
        digest = hashlib.sha256(f"{self.suite}\n{self.packages}\n{OPSPW_PASSWORD}\n".encode())
        sources = sorted((IMAGE_FILES / self.files).rglob("*")) if self.files else []
        sources += [IMAGE_FILES / self.script] if self.script else []
        for source in sources:
            if source.is_file():
                name = source.relative_to(IMAGE_FILES)
                digest.update(f"{name} {source.stat().st_mode}\n".encode())
                digest.update(source.read_bytes())
        return digest.hexdigest()


BASES = {SUITE: Recipe("base"), NEWER: Recipe(f"{NEWER}-base", suite=NEWER)}
NODE = Recipe("rootfs", NODE_PACKAGES, "node", "node-setup.sh")
NEWER_NODE = Recipe(f"{NEWER}-rootfs", NODE_PACKAGES, "node", "node-setup.sh", NEWER)
IMAGE = Recipe("image-base", IMAGE_PACKAGES, "", "image-setup.sh")


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock which all labs on this host share; the kernel drops it if we are killed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure(recipe: Recipe) -> Path:
    """Give the recipe's root filesystem, building it first if this host has none yet."""
    with locked(recipe.name):
        if not recipe.path.exists():
            print(f"lab: building {recipe.path} (once)", file=sys.stderr)
            _build(recipe)
    return recipe.path


def _build(recipe: Recipe) -> None:
    """Build beside the final place and rename, so that a tree which exists is a complete one."""
    work = Path(tempfile.mkdtemp(prefix=f"{recipe.name}.tmp-", dir=CACHE))
    tree = work / "root"
    try:
        if recipe in BASES.values():
            run(["debootstrap", "--variant=minbase", recipe.suite, tree], timeout=1200)
        else:
            run(["cp", "--archive", ensure(BASES[recipe.suite]), tree])
            _install(tree, recipe)
        tree.rename(recipe.path)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _forget_older(recipe)


def _forget_older(recipe: Recipe) -> None:
    """Remove what earlier versions of the recipe built, unless a lab still runs on it."""
    mounts = Path("/proc/self/mounts").read_text()
    for tree in CACHE.glob(f"{recipe.name}-*"):
        if tree != recipe.path and f"lowerdir={tree}," not in mounts:
            shutil.rmtree(tree)


def _install(tree: Path, recipe: Recipe) -> None:
    """Add the recipe's packages, files and script to a copy of the base."""
    no_services = tree / "usr/sbin/policy-rc.d"
    no_services.write_text("#!/bin/sh\nexit 101\n")
    no_services.chmod(0o755)
    shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2", "--yes"]
    _chroot(tree, [*apt, "update"])
    _chroot(tree, [*apt, "install", "--no-install-recommends", *recipe.packages.split()])
    _chroot(tree, [*apt, "clean"])
    no_services.unlink()
    if recipe.files:
        run(["cp", "--recursive", "--preserve=mode", f"{IMAGE_FILES / recipe.files}/.", tree])
    script = (IMAGE_FILES / recipe.script).read_text()
    _chroot(tree, ["env", f"OPSPW_PASSWORD={OPSPW_PASSWORD}", "sh", "-s"], script)
    shutil.rmtree(tree / "var/lib/apt/lists", ignore_errors=True)


def _chroot(tree: Path, argv: list[str], stdin: str | None = None) -> None:
    shell = ["unshare", "--mount", "sh", "-euc", IN_CHROOT, "sh"]
    run([*shell, tree, *argv], stdin=stdin, timeout=1200)

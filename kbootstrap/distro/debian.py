"""Debian, Ubuntu and the distributions that derive from them."""

from kbootstrap.distro.family import CRIO, Family

FAMILY = Family(
    ids=("debian", "ubuntu"),
    installs=("apt-get install",),
    packages={
        "iproute2": ("ip",),
        "libc-bin": ("getent",),
        "mawk": ("awk",),
        "mount": ("losetup", "mount", "swapoff", "umount"),
        "procps": ("sysctl",),
    },
    sources={"cri-o": CRIO},
)

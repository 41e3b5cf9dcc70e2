"""SUSE Linux Enterprise and openSUSE."""

from kbootstrap.distro.family import CRIO, Family

FAMILY = Family(
    ids=("suse", "sles", "opensuse"),
    installs=("zypper install",),
    packages={
        "conntrack-tools": ("conntrack",),
        "gawk": ("awk",),
        "glibc": ("getent",),
        "iproute2": ("ip",),
        "procps": ("sysctl",),
    },
    sources={"cri-o": CRIO},
)

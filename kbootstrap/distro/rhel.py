"""Red Hat Enterprise Linux, Fedora and the distributions that derive from them."""

from kbootstrap.distro.family import CRIO, Family

FAMILY = Family(
    ids=("rhel", "fedora", "centos", "rocky", "almalinux", "ol", "amzn"),
    installs=("dnf install", "yum install"),
    packages={
        "conntrack-tools": ("conntrack",),
        "containerd.io": (
            "containerd",
            "runc",
        ),  # Docker's; it has its own runc
        "gawk": ("awk",),
        "glibc-common": ("getent",),
        "iproute": ("ip",),
        "procps-ng": ("sysctl",),
    },
    sources={"containerd.io": "https://docs.docker.com/engine/install/", "cri-o": CRIO},
)

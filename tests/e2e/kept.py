"""How a node differs after a reset from what it was before the join."""

import re

from tests.lab.node import Node
from tests.lab.snapshot import ORDINARY, Snapshot

# What a reset node keeps, and why (docs/reset.md lists the same).
KEPT_BY_RESET = (
    "files /var/lib/containerd*",  # pulled images stay; they are the runtime's
    "files /var/lib/systemd/*",
    "files /etc/containerd",  # the directory's own time: a file below it came and went
    "files /etc/crio/crio.conf.d",
    "files /etc/containers/registries.conf.d",
    "files /etc/systemd/system*",
    "files /etc/sysctl.d",
    "files /etc/modules-load.d",
    "files /etc",
    "files /usr/local/bin",
    "files /etc/cni/net.d",
    "files /usr/libexec",
    "files /usr/lib",
    "files /opt",
    "files /var/lib",
    "files /var/lib/kubelet",
    "files /var/lib/etcd",
    "sysctls net.ipv4.*",  # values stay as they run; `reset` does not undo them
    "sysctls net.ipv6.*",
    "sysctls net.bridge.*",
    "sysctls net.netfilter.*",
    "sysctls kernel.*",
    "sysctls vm.*",
    "processes *containerd*",  # restarted, for its old configuration
    "processes *crio",
)
# What nothing but kbootstrap and Kubernetes changes: links, processes and sysctls are not of it.
PLACES = re.compile(r"(files /(etc|opt|usr|var/lib)/|packages |units |firewall )")
_EMPTY = re.compile(r"rules \d+: nothing => \s*(table |chain |type |}|#|$)")


def left_by_reset(node: Node, fresh: Snapshot) -> list[str]:
    """What is neither as it was nor retained; tables and base chains stay without rules."""
    lines = node.snapshot().since(fresh, (*KEPT_BY_RESET, *ORDINARY))
    return [line for line in lines if not _EMPTY.match(line)]

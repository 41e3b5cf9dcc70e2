"""The slice of the matrix for CI: every fault and every command once or more.

`tests/faults/test_slice.py` runs it on the stand-in, `python -m tests.faults --slice` on any kind.
"""

from tests.faults.faults import NAMED, Fault
from tests.faults.points import Moment, Point

BEFORE, INSIDE, AFTER = Moment

# stage: (fault, phase, node, moment), in the order they are met
SLICE: dict[str, tuple[tuple[str, str, str, Moment], ...]] = {
    "up": (
        ("clock-operator", "connect", "node1", BEFORE),
        ("sigterm", "connect", "node2", INSIDE),
        ("clock-node", "identity", "node3", AFTER),
        ("kill9", "host", "node1", INSIDE),
        ("ssh-reset", "runtime", "node2", BEFORE),
        ("two-operators", "programs", "node1", BEFORE),
        ("disk-etc", "kubelet", "node1", BEFORE),
        ("disk-var", "kubeadm-config", "node1", BEFORE),
        ("link-down", "images", "node1", INSIDE),
        ("kill9", "init", "node1", INSIDE),
        ("disk-operator", "init", "node1", AFTER),
        ("api-gone", "cni-bridge", "node3", BEFORE),
        ("kill9", "cleanup", "node1", BEFORE),
    ),
    "reset-worker": (
        ("sshd-restart", "connect", "node3", BEFORE),
        ("kill9", "drain", "node3", AFTER),
        ("ssh-reset", "leave", "node3", INSIDE),
        ("sigterm", "clean", "node3", INSIDE),
    ),
    "join-worker": (
        ("kill9", "connect", "node3", AFTER),
        ("runtime-stopped", "programs", "node3", BEFORE),
        ("disk-var", "kubeadm-config", "node3", BEFORE),
        ("node-reboot", "join-worker", "node3", INSIDE),
    ),
    "reset-control-plane": (
        ("sigterm", "drain", "node2", BEFORE),
        ("kill9", "etcd-member", "node2", AFTER),
        ("kill9", "leave", "node2", INSIDE),
        ("link-gone", "node-object", "node2", AFTER),
    ),
    "join-control-plane": (
        ("clock-jump", "connect", "node2", BEFORE),
        ("node-killed", "images", "node2", BEFORE),
        ("sigint", "join-control-plane", "node2", INSIDE),
        ("api-gone", "cni-bridge", "node2", BEFORE),
    ),
    "upgrade": (
        ("kill9", "etcd-snapshot", "node1", INSIDE),
        ("ssh-reset", "upgrade-prepare", "node2", INSIDE),
        ("kill9", "upgrade-control-plane", "node1", INSIDE),
        ("sshd-restart", "upgrade-control-plane", "node2", INSIDE),
        ("sigterm", "upgrade-worker", "node3", BEFORE),
        ("node-reboot", "upgrade-worker", "node3", INSIDE),
    ),
    "reset-all": (
        ("kill9", "etcd-snapshot", "node1", INSIDE),
        ("ssh-reset", "leave", "node3", BEFORE),
        ("kill9", "leave", "node1", INSIDE),
        ("sigint", "clean", "node2", BEFORE),
    ),
}


def chosen(stage: str) -> dict[Point, Fault]:
    """The cases of one stage; none for a stage that is not in it yet."""
    return {
        Point(stage, phase, node, moment): NAMED[name]
        for name, phase, node, moment in SLICE.get(stage, ())
    }

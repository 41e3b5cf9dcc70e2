"""The slice of the matrix: every fault and every command once or more; CI makes the core of it.

`tests/faults/test_slice.py` runs the core on the stand-in, and all of it with ``--all-cases``;
`python -m tests.faults --slice` runs all of it on any kind.
"""

from collections.abc import Mapping

from tests.faults.faults import NAMED, Fault
from tests.faults.points import Moment, Point

BEFORE, INSIDE, AFTER = Moment

Case = tuple[str, str, str, Moment]  # fault, phase, node, moment
Slice = Mapping[str, tuple[Case, ...]]  # by stage

# What users meet most: a kill, a lost connection, a reboot and a full disk in the middle of work.
CORE: Slice = {
    "up": (
        ("ssh-reset", "runtime", "node2", BEFORE),
        ("disk-var", "kubeadm-config", "node1", BEFORE),
        ("link-down", "images", "node1", INSIDE),
        ("kill9", "init", "node1", INSIDE),
    ),
    "reset-worker": (("sigterm", "clean", "node3", INSIDE),),
    "join-worker": (("node-reboot", "join-worker", "node3", INSIDE),),
    "reset-control-plane": (("kill9", "etcd-member", "node2", AFTER),),
    "join-control-plane": (("sigint", "join-control-plane", "node2", INSIDE),),
    "replace": (("kill9", "leave", "node2", INSIDE),),
    "change": (),
    "renew": (),
    "rotate": (("kill9", "ca-sign", "node1", INSIDE),),
    "upgrade": (
        ("kill9", "upgrade-control-plane", "node1", INSIDE),
        ("sshd-restart", "upgrade-control-plane", "node2", INSIDE),
        ("node-reboot", "upgrade-worker", "node3", INSIDE),
    ),
    "reset-all": (("kill9", "leave", "node1", INSIDE),),
}
REST: Slice = {
    "up": (
        ("clock-operator", "connect", "node1", BEFORE),
        ("sigterm", "connect", "node2", INSIDE),
        ("clock-node", "identity", "node3", AFTER),
        ("kill9", "host", "node1", INSIDE),
        ("two-operators", "programs", "node1", BEFORE),
        ("disk-etc", "kubelet", "node1", BEFORE),
        ("disk-operator", "init", "node1", AFTER),
        ("api-gone", "cni-bridge", "node3", BEFORE),
        ("kill9", "cleanup", "node1", BEFORE),
    ),
    "reset-worker": (
        ("sshd-restart", "connect", "node3", BEFORE),
        ("kill9", "drain", "node3", AFTER),
        ("ssh-reset", "leave", "node3", INSIDE),
    ),
    "join-worker": (
        ("kill9", "connect", "node3", AFTER),
        ("runtime-stopped", "programs", "node3", BEFORE),
        ("disk-var", "kubeadm-config", "node3", BEFORE),
    ),
    "reset-control-plane": (
        ("sigterm", "drain", "node2", BEFORE),
        ("kill9", "leave", "node2", INSIDE),
        ("link-gone", "node-object", "node2", AFTER),
    ),
    "join-control-plane": (
        ("clock-jump", "connect", "node2", BEFORE),
        ("node-killed", "images", "node2", BEFORE),
        ("api-gone", "cni-bridge", "node2", BEFORE),
    ),
    "replace": (
        ("sigterm", "etcd-member", "node2", AFTER),
        ("kill9", "clean", "node2", INSIDE),
        ("kill9", "node-object", "node2", AFTER),
        ("kill9", "join-control-plane", "node2", INSIDE),
    ),
    "change": (
        ("kill9", "runtime", "node1", INSIDE),
        ("node-reboot", "control-plane", "node2", INSIDE),
        ("kill9", "kube-proxy", "node1", INSIDE),
        ("link-down", "kubelet-config", "node3", INSIDE),
    ),
    "renew": (("kill9", "certs-control-plane", "node1", INSIDE),),
    "rotate": (
        ("kill9", "ca-next", "node2", INSIDE),
        ("node-reboot", "ca-trust", "node2", INSIDE),
        ("sshd-restart", "ca-sign-worker", "node3", INSIDE),
        ("kill9", "ca-drop", "node1", INSIDE),
        ("sigterm", "ca-end", "node1", AFTER),
    ),
    "upgrade": (
        ("kill9", "etcd-snapshot", "node1", INSIDE),
        ("ssh-reset", "upgrade-prepare", "node2", INSIDE),
        ("sigterm", "upgrade-worker", "node3", BEFORE),
    ),
    "reset-all": (
        ("kill9", "etcd-snapshot", "node1", INSIDE),
        ("ssh-reset", "leave", "node3", BEFORE),
        ("sigint", "clean", "node2", BEFORE),
    ),
}


def chosen(stage: str, *, core: bool = False) -> dict[Point, Fault]:
    """The cases of one stage; none for a stage that is not in it yet."""
    cases = CORE.get(stage, ()) + (() if core else REST.get(stage, ()))
    return {Point(stage, phase, node, moment): NAMED[name] for name, phase, node, moment in cases}

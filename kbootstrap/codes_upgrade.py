"""Codes KB35x and KB42x: what can go wrong, and what is refused, when versions change."""

from kbootstrap.errors import Code
from kbootstrap.node_paths import MANIFESTS_BACKUP

UPGRADE_FAILED = Code(
    "KB350",
    "kubeadm upgrade failed",
    "Look on {node} at kubeadm's words above, `crictl ps -a` and `journalctl -u kubelet -n 50`; "
    "fix the cause and run the same command again. The node stays cordoned meanwhile.",
)
MANIFEST_LOST = Code(
    "KB351",
    "a static pod's manifest is missing, and kubeadm kept no copy",
    f"Put it back on {{node}} from {MANIFESTS_BACKUP}, then run the same command again.",
)
CERTIFICATE_ENDED = Code(
    "KB352",
    "a certificate has ended, or is not valid yet",
    "Run the command named above on {node}; a static pod restarts when its manifest is moved out "
    "of /etc/kubernetes/manifests for 20 seconds and back. Then run the same command again. One "
    "that is not valid yet: compare the clocks.",
)

OTHER_VERSION = Code(
    "KB420",
    "the cluster and the inventory name different Kubernetes versions",
    "Set `kubernetes.version` to what the cluster runs, or change the cluster with "
    "`kbootstrap upgrade --to` the version you want; `up` and `join` never do.",
)
SKEW = Code(
    "KB421",
    "Kubernetes does not allow this change of version",
    "Name a version that is not older than what runs, and bring the nodes named above along; "
    "a jump of several minors is made in single steps.",
)
VIA_NEEDED = Code(
    "KB422",
    "a version on the way is not known",
    "Name one release of each minor on the way with --via, such as `--via v1.35.1`.",
)
OUT_OF_ORDER = Code(
    "KB423",
    "control planes go first",
    "Upgrade the control planes named above first: leave out --limit, or say --control-plane-only.",
)
NO_CGROUP_V2 = Code(
    "KB424",
    "the target's kubelet would refuse this machine's cgroups",
    "Boot {node} with cgroup v2; or write `failCgroupV1: false` into the ConfigMap kubelet-config "
    "of kube-system and under `kubelet` in the inventory.",
)
PREINSTALLED = Code(
    "KB425",
    "upgrade places the programs itself",
    "Name a folder of the new programs with --programs, or set `programs.source` to release or "
    "folder.",
)
NOT_MEMBER = Code(
    "KB426",
    "the node is not a member of the cluster",
    "Leave {node} out with --limit, or join it first.",
)

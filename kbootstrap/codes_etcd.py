"""Codes KB36x and KB43x: what can go wrong with etcd, and the next step."""

from kbootstrap.errors import Code

# KB36x: etcd, or work on it, failed
ETCD_DOWN = Code(
    "KB360",
    "etcd does not answer",
    "Look on {node} at `crictl ps -a --name etcd` and the log of that container; once etcd runs, "
    "run the same command again.",
)
ETCD_REFUSED = Code(
    "KB361",
    "etcd refused a request",
    "Read its words above; then run the same command again.",
)
ETCD_UNSETTLED = Code(
    "KB362",
    "an etcd member is not healthy in time",
    "Look at the members named above with `crictl ps -a --name etcd` on their machines and fix "
    "them; then run the same command again, which goes on waiting.",
)
SNAPSHOT_FAILED = Code(
    "KB363",
    "a snapshot of etcd is not what it should be",
    "Look at the disk and the etcd container on {node} (`crictl logs` of it), then run the same "
    "command again; nothing was changed.",
)
RESTORE_FAILED = Code(
    "KB364",
    "etcd's own tool did not restore the snapshot",
    "Read its words above; the old data is still there. Fix the cause on {node} and run the same "
    "command again, which goes on where it stopped.",
)

# KB43x: we refuse
QUORUM = Code(
    "KB430",
    "etcd would lose its quorum",
    "Bring the members named above back first. If they are lost for good, `kbootstrap etcd "
    "restore` rebuilds etcd from a snapshot; to give the cluster up, pass --destroy-cluster.",
)
EXTERNAL_ETCD = Code(
    "KB431",
    "this cluster's etcd is not ours",
    "Somebody else runs this etcd (`etcd.external` in the inventory): use their tools.",
)
NOT_A_MEMBER = Code(
    "KB432",
    "a control plane of the inventory has no etcd member where it should be",
    "Make `nodes` in the inventory name the control planes this cluster has, with the addresses "
    "they joined with; then run the same command again.",
)
BAD_SNAPSHOT = Code(
    "KB433",
    "the file is no snapshot of etcd",
    "Name a file that `kbootstrap etcd snapshot` or `etcdctl snapshot save` wrote, and that was "
    "copied whole.",
)
HALF_RESTORED = Code(
    "KB434",
    "etcd runs from this snapshot already on some control planes",
    "They hold newer data than the snapshot. Take the others out with `kbootstrap reset NODE` and "
    "join them again; they get their data from those that run.",
)
LEARNER_LEFT = Code(
    "KB436",
    "etcd takes no new member, since one is still a learner",
    "See why the member named above does not run: on its node `crictl ps -a --name etcd` and "
    "`journalctl -u kubelet -n 50`; once it can, `kbootstrap up` finishes it. If that machine is "
    "gone for good: `kbootstrap reset NODE --unreachable` with its name, then the same command "
    "again.",
)
HOLDS_CLUSTER = Code(
    "KB437",
    "the external etcd holds a cluster already",
    "Name an empty etcd, or another `etcd-prefix` in `kubeadm.api_server_args`, for `kubeadm init` "
    "would take the Nodes and objects over under another CA. If that data may go: `kbootstrap "
    "reset --destroy-cluster --wipe-external-etcd`.",
)
NOT_WIPED = Code(
    "KB438",
    "the external etcd cannot be wiped",
    "Reset the whole cluster with this flag while the client certificate of `etcd.external` is on "
    "the first control plane; or run `etcdctl del --prefix PREFIX/` yourself.",
)
RESTORE_BEGUN = Code(
    "KB435",
    "a restore of etcd was begun and has not ended",
    "Run `kbootstrap etcd restore FILE` again with the same file; it goes on where it stopped.",
)

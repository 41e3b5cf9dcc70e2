"""KB4xx: kbootstrap refuses, because the command could do damage."""

from kbootstrap.errors import Code

FOREIGN_CLUSTER = Code(
    "KB401",
    "the node belongs to another cluster",
    "Check the address of {node} in the inventory. If the machine may be wiped, do that yourself "
    "on it with `kubeadm reset`; kbootstrap never wipes a cluster it does not know.",
)
PLAN_DRIFTED = Code(
    "KB402",
    "the machine changed since the plan was printed",
    "Run the same command again and read the new plan.",
)
NOT_PRINTED = Code(
    "KB403",
    "resuming needs an action that the plan did not print",
    "The action above was not run. Run the same command again: it probes {node}, prints the action "
    "in its plan and resumes there.",
)
NO_CONTROL_PLANE = Code(
    "KB404",
    "there is no control plane to join through",
    "Run `kbootstrap up` first, without --limit, so that the first control plane is made.",
)
NOT_CONFIRMED = Code(
    "KB405",
    "the command was not confirmed",
    "Type the name that is asked for, or pass --yes when nobody can answer; for a whole cluster "
    "also --destroy-cluster.",
)
NO_API = Code(
    "KB406",
    "no control plane that stays answers",
    "Bring one back; if the cluster is gone for good, pass --without-api: the node is then "
    "cleaned, but neither drained nor taken out of the cluster.",
)
STILL_THERE = Code(
    "KB407",
    "the node is not gone",
    "Say `kbootstrap reset {node}` without --unreachable, which also cleans the machine.",
)
ORPHAN_RUN = Code(
    "KB408",
    "a command of an earlier run still runs, and its record is gone",
    "Stop it on {node} with the command above, then run the same command again. If it was kubeadm, "
    "what it left is then refused as unknown (KB401): remove that with `kubeadm reset`.",
)
LOCKED = Code(
    "KB410",
    "somebody else is working on this cluster",
    "Wait until that run is done, or ask who runs it; then run the same command again. A run that "
    "died loses the lock by itself in half a minute; `kbootstrap unlock` shows the lock and frees "
    "it at once.",
)
LOCK_LOST = Code(
    "KB411",
    "the lock was taken from this run",
    "Nothing is lost: commands that were started on the nodes continue there. Wait until the other "
    "run is done (`kbootstrap status` shows it), then run the same command again.",
)
NOT_RENEWED = Code(
    "KB412",
    "this run could not renew its lock in time",
    "Another run may take the lock from now on, so this one changes nothing more; commands "
    "that were started on the nodes continue there. Restore the connection to the places named "
    "above, then run the same command again.",
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
RESTORE_BEGUN = Code(
    "KB435",
    "a restore of etcd was begun and has not ended",
    "Run `kbootstrap etcd restore FILE` again with the same file; it goes on where it stopped.",
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
FIXED = Code(
    "KB440",
    "a setting that a live cluster cannot change",
    "Put the value that the cluster has back into the inventory, or follow the commands named "
    "above; nothing was changed.",
)
DAMAGED = Code(
    "KB441",
    "something that a finished cluster needs is missing",
    "Make it again with the command named above, or restore it from a backup; then run the same "
    "command again. kbootstrap never initialises or resets a finished node to repair it.",
)

"""KB4xx: kbootstrap refuses, because the command could do damage."""

from kbootstrap.errors import Code

FOREIGN_CLUSTER = Code(
    "KB401",
    "the node belongs to another cluster",
    "Check the address of {node} in the inventory. To manage a cluster that kubeadm made, see "
    "docs/adopt.md. If the node may be wiped, run `kubeadm reset` on it yourself; kbootstrap never "
    "wipes a cluster that it does not know. See docs/reset.md.",
)
PLAN_DRIFTED = Code(
    "KB402",
    "the node changed after the plan was printed",
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
    "Type the name that the command asks for, or pass --yes in scripts; for a whole cluster also "
    "--destroy-cluster.",
)
NO_API = Code(
    "KB406",
    "no remaining control plane answers",
    "Repair one; if the cluster is lost for good, pass --without-api: the node is then cleaned, "
    "but neither drained nor removed from the cluster. See docs/reset.md.",
)
STILL_THERE = Code(
    "KB407",
    "the node is still reachable",
    "Run `kbootstrap reset {node}` without --unreachable, which also cleans the node.",
)
ORPHAN_RUN = Code(
    "KB408",
    "a command of an earlier run is still running, and its record is missing",
    "Stop it on {node} with the command above, then run the same command again. If it was kubeadm, "
    "its files are then refused as foreign (KB401): remove them with `kubeadm reset`.",
)
LOCKED = Code(
    "KB410",
    "another run is working on this cluster",
    "Wait until that run ends, or ask its user; then run the same command again. The lock of a run "
    "that died expires within 30 seconds; `kbootstrap unlock` shows the lock and frees it at once. "
    "See docs/lock.md.",
)
LOCK_LOST = Code(
    "KB411",
    "the lock was taken from this run",
    "Nothing is lost: commands that were started on the nodes continue there. Wait until the other "
    "run ends (`kbootstrap status` shows it), then run the same command again.",
)
NOT_RENEWED = Code(
    "KB412",
    "this run could not renew its lock in time",
    "Another run may take the lock now, so this run makes no more changes; commands that were "
    "started on the nodes continue there. Restore the connection to the nodes named above, then "
    "run the same command again.",
)
PLAN_CHANGED = Code(
    "KB413",
    "the plan is not the saved one",
    "Nothing was changed. Review what differs, then save a new plan with `kbootstrap plan --save "
    "FILE`. A plan that was saved with --limit or --phase needs the same flags.",
)
OTHER_VERSION = Code(
    "KB420",
    "the cluster and the inventory name different Kubernetes versions",
    "Set `kubernetes.version` to the cluster's version, or upgrade the cluster with "
    "`kbootstrap upgrade --to VERSION`; `up` and `join` never do. See docs/upgrade.md.",
)
SKEW = Code(
    "KB421",
    "Kubernetes does not allow this change of version",
    "Name a version that is not older than the cluster's, and upgrade the nodes named above first; "
    "several minors are upgraded one after the other. See docs/upgrade.md.",
)
VIA_NEEDED = Code(
    "KB422",
    "the release of a minor in between is not known",
    "Name one release of each minor in between with --via, such as `--via v1.35.1`.",
)
OUT_OF_ORDER = Code(
    "KB423",
    "control planes go first",
    "Upgrade the control planes named above first: leave out --limit, or use --control-plane-only.",
)
NO_CGROUP_V2 = Code(
    "KB424",
    "the new kubelet would refuse this node's cgroup v1",
    "Boot {node} with cgroup v2; or write `failCgroupV1: false` into the ConfigMap kubelet-config "
    "of kube-system and under `kubelet` in the inventory.",
)
PREINSTALLED = Code(
    "KB425",
    "upgrade places the binaries itself",
    "Name a directory of the new binaries with --programs, or set `programs.source` to release or "
    "folder. See docs/programs.md.",
)
NOT_MEMBER = Code(
    "KB426",
    "the node is not a member of the cluster",
    "Leave {node} out with --limit, or join it first.",
)
NO_EVICTION = Code(
    "KB428",
    "a PodDisruptionBudget allows no eviction from a node that is to be drained",
    "Scale the workloads of the pods named above up, or relax the budget, so that one pod may be "
    "away; then run the same command again. `--no-drain` upgrades without draining. Nothing was "
    "changed. See docs/upgrade.md.",
)
NO_HEALTH_JOB = Code(
    "KB429",
    "no node can run the job with which kubeadm checks the cluster before an upgrade",
    "Remove the taint from one of the nodes named above until the upgrade is done, or write "
    "`ignore_preflight: [CreateJob]` under {node} in the inventory; then run the same command "
    "again. Nothing was changed. See docs/upgrade.md.",
)
QUORUM = Code(
    "KB430",
    "etcd would lose its quorum",
    "Repair the members named above first. If they are lost for good, `kbootstrap etcd restore` "
    "rebuilds etcd from a snapshot (docs/etcd.md); to give up the cluster, pass --destroy-cluster.",
)
EXTERNAL_ETCD = Code(
    "KB431",
    "the etcd of this cluster is external",
    "Use the tools of that etcd; kbootstrap does not manage it (`etcd.external` in the inventory).",
)
NOT_A_MEMBER = Code(
    "KB432",
    "a control plane of the inventory has no etcd member at its address",
    "Name the control planes of this cluster under `nodes` in the inventory, with the addresses "
    "they joined with; then run the same command again.",
)
BAD_SNAPSHOT = Code(
    "KB433",
    "the file is not a snapshot of etcd",
    "Name a complete file that `kbootstrap etcd snapshot` or `etcdctl snapshot save` wrote.",
)
HALF_RESTORED = Code(
    "KB434",
    "etcd already runs from this snapshot on some control planes",
    "They hold newer data than the snapshot. Remove the others with `kbootstrap reset NODE` and "
    "join them again; they get their data from the running members.",
)
RESTORE_BEGUN = Code(
    "KB435",
    "a restore of etcd was started and has not finished",
    "Run `kbootstrap etcd restore FILE` again with the same file; it resumes where it stopped.",
)
LEARNER_LEFT = Code(
    "KB436",
    "etcd accepts no new member, because one is still a learner",
    "Find out why the member named above does not run: `crictl ps -a --name etcd` and "
    "`journalctl -u kubelet -n 50` on its node. Once it runs, `kbootstrap up` finishes the join. "
    "If that node is lost for good: `kbootstrap reset NODE --unreachable` with its name, then the "
    "same command again.",
)
HOLDS_CLUSTER = Code(
    "KB437",
    "the external etcd already holds a cluster",
    "Name an empty etcd, or another `etcd-prefix` in `kubeadm.extra_args.api_server`, since "
    "`kubeadm init` would reuse the old objects with a new CA. To delete that data: `kbootstrap "
    "reset --destroy-cluster --wipe-external-etcd`.",
)
NOT_WIPED = Code(
    "KB438",
    "the external etcd cannot be wiped",
    "Reset the whole cluster with this flag while the client certificate of `etcd.external` is on "
    "the first control plane; or run `etcdctl del --prefix PREFIX/` yourself.",
)
ENDPOINT_LEAVES = Code(
    "KB439",
    "the API has no other endpoint than the node that is to be replaced",
    "Move `api.endpoint` to a name or an address that other control planes serve, with "
    "`kbootstrap up`; then run the same command again. Nothing was changed. See docs/changes.md.",
)
FIXED = Code(
    "KB440",
    "a setting that a live cluster cannot change",
    "Put the cluster's value back into the inventory, or run the commands named above; nothing was "
    "changed. See docs/changes.md.",
)
DAMAGED = Code(
    "KB441",
    "something that a finished cluster needs is missing",
    "Recreate it with the command named above, or restore it from a backup; then run the same "
    "command again. kbootstrap never initialises or resets a finished node to repair it.",
)
EXTERNAL_CA = Code(
    "KB445",
    "a certificate cannot be renewed on the node, because the key of its CA is not there",
    "Renew it where the key of the CA is, or put the key on {node}; then run the same command "
    "again. See docs/certificates.md.",
)
CA_ROTATION = Code(
    "KB446",
    "a rotation of the cluster's CAs was started and has not finished",
    "Run `kbootstrap certs rotate-ca`, which resumes where it stopped; then the command again.",
)
NOT_ALL_MEMBERS = Code(
    "KB447",
    "the nodes of the cluster and of the inventory differ",
    "The CAs are replaced on all nodes of the cluster. Add the nodes that are named above to the "
    "inventory, or remove them from the cluster (`kbootstrap reset NODE`); join those that are not "
    "in the cluster, or remove them from the inventory. See docs/certificates.md.",
)

"""KB330 to KB364: the cluster, or a step on it, does not reach the state that was planned."""

from kbootstrap.errors import Code
from kbootstrap.node_paths import MANIFESTS_BACKUP

API_DOWN = Code(
    "KB330",
    "the API server does not answer",
    "Check `crictl ps -a` and `journalctl -u kubelet -n 50` on {node}; once "
    "`curl -km 10 https://localhost:6443/readyz` prints ok, run the same command again.",
)
NOT_READY = Code(
    "KB331",
    "a node does not become Ready in time",
    "Check `kubectl describe node {node}` and `journalctl -u kubelet -n 50` on the node; then run "
    "the same command again, which continues to wait.",
)
API_REFUSED = Code(
    "KB332",
    "the API server refused a request",
    "Read its message above; then run the same command again.",
)
DRAIN_BLOCKED = Code(
    "KB333",
    "a node cannot be drained in time",
    "Make room for the pods named above on other nodes or relax their PodDisruptionBudget, then "
    "run the same command again; the node stays cordoned meanwhile.",
)
NOT_ROLLED_OUT = Code(
    "KB334",
    "a workload of the pod network does not run",
    "Read the pods' messages above; correct the image, the registry or the manifest, then run "
    "the same command again. `kubectl get events -A` shows more.",
)
MALFORMED_ANSWER = Code(
    "KB335",
    "an answer of the API server or of etcd has an unexpected form",
    "Read the object named above with kubectl. If the answer is the same through another control"
    " plane, report it with the log file.",
)
RUNTIME_REVERTED = Code(
    "KB336",
    "the container runtime does not work with its new configuration",
    "Correct `runtime.settings` or the images of `registry` in the inventory by the message above, "
    "then run the same command again. {node} has its old configuration again; nodes after it were "
    "not changed.",
)
NOT_SETTLED = Code(
    "KB340",
    "a step succeeded, but its result did not persist",
    "Something on {node} reverts or overrides the change named above; stop it, then run the same "
    "command again.",
)
BLOCKED = Code(
    "KB341",
    "not started, because an earlier step failed",
    "Fix the first error and run the same command again.",
)
OWN_DISK = Code(
    "KB345",
    "a local file cannot be written",
    "Free space for the file named above (`df -h`), or, if it is the kubeconfig, name another path "
    "with `--kubeconfig`; then run the same command again.",
)
PROBE_FAILED = Code(
    "KB346",
    "a probe failed, or printed something unexpected",
    "A probe runs standard tools and reads files of Kubernetes and kbootstrap on {node}. Compare"
    " the output above with another node: a tool may be replaced there, or a file damaged.",
)
ENDPOINT_SILENT = Code(
    "KB347",
    "the new endpoint of the API does not answer",
    "Make it answer on {node}, or put the old one back; then run the same command again.",
)
UPGRADE_FAILED = Code(
    "KB350",
    "kubeadm upgrade failed",
    "Read kubeadm's output above, check `crictl ps -a` and `journalctl -u kubelet -n 50` on "
    "{node}, fix the cause and run the same command again. The node stays cordoned meanwhile.",
)
MANIFEST_LOST = Code(
    "KB351",
    "a static pod's manifest is missing, and kubeadm has no backup of it",
    f"Put it back on {{node}} from {MANIFESTS_BACKUP}, then run the same command again.",
)
CERTIFICATE_ENDED = Code(
    "KB352",
    "a certificate has expired, or is not valid yet",
    "Run `kbootstrap certs renew`, which works without the API, or the command named above on "
    "{node}; then run the same command again. If the certificate is not valid yet, compare the "
    "clocks. See docs/certificates.md.",
)
DRAIN_REFUSED = Code(
    "KB353",
    "a drain would lose pods or their data",
    "Save the data, or delete the pods named above yourself; or run the same command with the flag "
    "named with each pod. The node stays cordoned meanwhile.",
)
NO_SECOND_ADDRESS = Code(
    "KB354",
    "a node of a dual-stack cluster has no address of the second family",
    "Write `second_address: ADDRESS` under {node} in the inventory, with one of its addresses that "
    "the other nodes reach; or add one to the node; or name one family under `network`.",
)
ETCD_DOWN = Code(
    "KB360",
    "etcd does not answer",
    "Check `crictl ps -a --name etcd` and the log of that container on {node}; once etcd runs, run "
    "the same command again.",
)
ETCD_REFUSED = Code(
    "KB361",
    "etcd refused a request",
    "Read its message above; then run the same command again.",
)
ETCD_UNSETTLED = Code(
    "KB362",
    "an etcd member did not become healthy in time",
    "Check the members named above with `crictl ps -a --name etcd` on their nodes and fix them; "
    "then run the same command again, which continues to wait.",
)
SNAPSHOT_FAILED = Code(
    "KB363",
    "a snapshot of etcd is not valid",
    "Check the disk and the log of the etcd container (`crictl logs`) on {node}, then run the same "
    "command again; nothing was changed.",
)
RESTORE_FAILED = Code(
    "KB364",
    "etcdutl did not restore the snapshot",
    "Read its output above; the old data is still there. Fix the cause on {node} and run the same "
    "command again, which resumes.",
)

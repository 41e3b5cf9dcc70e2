"""KB3xx: a node is not fit, or a step failed on it."""

from kbootstrap.errors import Code
from kbootstrap.node_paths import MANIFESTS_BACKUP

STEP_FAILED = Code(
    "KB300",
    "a step failed on a node",
    "Read the command's own words above, fix the cause on {node}, and run the same command "
    "again; it goes on where it stopped.",
)
NOT_ROOT = Code(
    "KB301",
    "the login is not root",
    "Set `ssh.become: true` for {node} (and `become_password` if sudo asks), or log in as root.",
)
UNSUPPORTED_HOST = Code(
    "KB302",
    "the machine cannot be a node",
    "Use a Linux machine with systemd on amd64 or arm64 for {node}.",
)
DISK_FULL = Code(
    "KB303",
    "a disk is full",
    "Free space on {node} (see `df -h`), then run the same command again.",
)
RUNTIME_MISSING = Code(
    "KB304",
    "the container runtime is not installed",
    "Install containerd or cri-o on {node} (on Debian: `apt-get install containerd runc`), then "
    "run the same command again.",
)
RUNTIME_DOWN = Code(
    "KB305",
    "the container runtime does not answer",
    "Look at it on {node} with `journalctl -u containerd -u crio -n 50`, fix it, then run the "
    "same command again.",
)
PORT_TAKEN = Code(
    "KB306",
    "a port Kubernetes needs is taken",
    "See who holds it with `ss -ltnp` on {node}, stop that program, then run the same command "
    "again.",
)
CLOCK_SKEW = Code(
    "KB307",
    "the clocks disagree",
    "Set the clock of {node} (`timedatectl`, chrony) or your own; certificates and tokens "
    "depend on it.",
)
TOO_SMALL = Code(
    "KB308",
    "the machine is too small for its role",
    "Give {node} more memory or CPUs, or name the check (Mem, NumCPU) in its `ignore_preflight`.",
)
TOOLS_MISSING = Code(
    "KB309",
    "tools of the operating system are missing",
    "Install them on {node} (on Debian: `apt-get install conntrack iproute2 iptables mawk mount "
    "procps runc`), then run the same command again. Nothing was changed there yet.",
)
WRONG_VERSION = Code(
    "KB310",
    "a program has another version than the inventory wants",
    "Make `kubernetes.version` and the programs agree on {node}; `kubeadm version -o short` "
    "shows what is there.",
)
PROGRAM_MISSING = Code(
    "KB311",
    "a binary is not available",
    "Check `programs` in the inventory: the folder must hold kubeadm, kubelet and kubectl (and "
    "crictl, or a crictl_url), or the release site must answer.",
)
NO_RESOLVER = Code(
    "KB312",
    "the resolv.conf of the node leads nowhere",
    "Make the file named above on {node} (or start the service that writes it, such as "
    "systemd-resolved), or name another one as `kubelet.resolvConf`: no pod can start without it.",
)
OTHER_NETWORK = Code(
    "KB313",
    "another pod network is on the node",
    "Remove what is named above on {node} if nothing uses it; if it is your own pod network, set "
    "`cni.type` to manifest or none.",
)
UMASK = Code(
    "KB314",
    "a service's umask closes its files to containers",
    "On {node}: `systemctl edit --drop-in=zz-umask UNIT` with the lines `[Service]` and "
    "`UMask=0022` for the unit named above, then `systemctl restart UNIT`.",
)
NO_ADDRESS = Code(
    "KB315",
    "no interface of the node has its address",
    "Correct `advertise_address` (or `address`) of {node} in the inventory; `ip -br addr` on the "
    "node shows what it has.",
)
UNREACHED = Code(
    "KB316",
    "the node cannot reach a port of the cluster",
    "Open the port named above for {node} in the firewalls on the way (nftables, firewalld, "
    "security groups); `curl -vk https://HOST:PORT` on {node} shows whether it is open.",
)
SAME_MACHINE = Code(
    "KB317",
    "two nodes are one machine",
    "Correct the addresses in the inventory: one machine can be one node only.",
)
CLONED = Code(
    "KB318",
    "two nodes have the same machine-id",
    "On all of them but one: `rm /etc/machine-id && systemd-machine-id-setup`, then reboot; DHCP "
    "servers and some pod networks take such nodes for one.",
)
CONFIG_REFUSED = Code(
    "KB320",
    "kubeadm refuses its configuration",
    "Correct the setting named above in the inventory; `kbootstrap render` shows the whole file.",
)
PREFLIGHT = Code(
    "KB321",
    "kubeadm's preflight checks failed",
    "Fix what the checks name on {node}; if you know a check is wrong for this machine, put its "
    "name into `ignore_preflight`. Then run the same command again.",
)
INIT_FAILED = Code(
    "KB322",
    "kubeadm init failed",
    "Look on {node} at `journalctl -u kubelet -n 50` and `crictl ps -a`; fix the cause and run "
    "the same command again, which finishes what was begun.",
)
JOIN_FAILED = Code(
    "KB323",
    "kubeadm join failed",
    "Look on {node} at `journalctl -u kubelet -n 50`; fix the cause and run the same command "
    "again, which asks, clears the half-done join and repeats it (`--yes` for scripts).",
)
IMAGE_PULL = Code(
    "KB324",
    "an image cannot be pulled",
    "Check `registry.image_repository` and its mirrors: `crictl pull IMAGE` on {node} must work.",
)
PODS_DOWN = Code(
    "KB325",
    "pods of Kubernetes itself do not run on the node",
    "Look at `kubectl -n kube-system describe pod` of the pods named above and at "
    "`journalctl -u kubelet -n 50` on {node}; then run the same command again.",
)
API_DOWN = Code(
    "KB330",
    "the API server does not answer",
    "Look on {node} at `crictl ps -a` and `journalctl -u kubelet -n 50`; once "
    "`curl -k https://localhost:6443/readyz` says ok, run the same command again.",
)
NOT_READY = Code(
    "KB331",
    "a node does not become Ready in time",
    "Ask `kubectl describe node {node}` and `journalctl -u kubelet -n 50` on it; then run the "
    "same command again, which goes on waiting.",
)
API_REFUSED = Code(
    "KB332",
    "the API server refused a request",
    "Read its words above; then run the same command again.",
)
DRAIN_BLOCKED = Code(
    "KB333",
    "a node cannot be drained in time",
    "Give the pods named above room elsewhere or relax their PodDisruptionBudget, then run the "
    "same command again; the node stays cordoned meanwhile.",
)
NOT_ROLLED_OUT = Code(
    "KB334",
    "a workload of the pod network does not run",
    "Read the pods' messages above; correct the image, the registry or the manifest, then run "
    "the same command again. `kubectl get events -A` shows more.",
)
NOT_SETTLED = Code(
    "KB340",
    "a phase ran well, yet its probe does not agree",
    "Something on {node} undoes or overrides the change named above; find it, then run the same "
    "command again.",
)
BLOCKED = Code(
    "KB341",
    "not started, because something before it failed",
    "Fix the first error and run the same command again.",
)
OWN_DISK = Code(
    "KB345",
    "a file cannot be written on this machine",
    "Free space where the file named above lies (`df -h`), or name another place with "
    "`--kubeconfig` if it is a kubeconfig; then run the same command again.",
)
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
DRAIN_REFUSED = Code(
    "KB353",
    "a drain would lose pods or their data",
    "Save the data, or delete the pods named above yourself; or run the same command with the flag "
    "named beside each pod. The node stays cordoned meanwhile.",
)
NO_SECOND_ADDRESS = Code(
    "KB354",
    "a node of a dual-stack cluster has no address of the second family",
    "Write `second_address: ADDRESS` under {node} in the inventory, with one of its addresses that "
    "the other nodes reach; or give the node one; or name one family under `network`.",
)
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

"""Codes KB19x and KB3xx to KB9xx: what can go wrong once a host answers, and the next step."""

from kbootstrap.errors import Code

# KB19x: the command line and the files it names
UNKNOWN_NODE = Code(
    "KB190",
    "no such node",
    "Use a name that stands under `nodes` in the inventory (`-i` names another inventory).",
)
UNKNOWN_PHASE = Code("KB191", "no such phase", "`kbootstrap phases` lists them.")
JOIN_FIRST = Code(
    "KB192",
    "no control plane is left to join through",
    "Use `kbootstrap up`, which initialises the first control plane and has the others join.",
)
FILE_EXISTS = Code("KB193", "the file exists", "Name another file with --to, or remove this one.")
BAD_MANIFEST = Code(
    "KB194",
    "a manifest cannot be used",
    "Correct the file named in `cni.manifests`; `kubectl apply --dry-run=client -f FILE` checks "
    "it.",
)
NO_FILE = Code(
    "KB195",
    "a file on this machine cannot be read or written",
    "Name one that you may use, in a folder that exists, on a disk that has room (`df -h`).",
)
NOT_GONE = Code(
    "KB196",
    "these nodes cannot all be forgotten",
    "Name the nodes whose machines are gone; one control plane has to be left to ask.",
)

# KB3xx: a host is not fit, or a step failed
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

# KB4xx: we refuse
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

# KB5xx is about trust
CA_MISMATCH = Code(
    "KB501",
    "the API serves another CA than the control plane holds",
    "Somebody may stand between: compare `openssl x509 -in /etc/kubernetes/pki/ca.crt -noout "
    "-fingerprint -sha256` on the control planes with the cluster-info ConfigMap before going on.",
)
CHECKSUM = Code(
    "KB502",
    "a file does not have its published checksum",
    "Do not use it; check the mirror behind `programs.base_url`, then run the same command again.",
)

# KB6xx is about interruptions
INTERRUPTED = Code(
    "KB601",
    "interrupted",
    "Nothing is lost: commands that were started on the nodes continue there. Run the same command "
    "again.",
)

# KB9xx are our own mistakes
BUG = Code(
    "KB900",
    "a bug in kbootstrap",
    "Please report it with the log file; running the same command again is safe.",
)

"""KB300 to KB329: a node is not fit, or a step failed on it."""

from kbootstrap.errors import Code

STEP_FAILED = Code(
    "KB300",
    "a step failed on a node",
    "Read the command's output above, fix the cause on {node}, and run the same command again; "
    "it resumes where it stopped.",
)
NOT_ROOT = Code(
    "KB301",
    "the login is not root",
    "Set `ssh.become: true` for {node} (and `become_password` if sudo asks), or log in as root.",
)
UNSUPPORTED_HOST = Code(
    "KB302",
    "the host cannot be a node",
    "Use Linux with systemd on amd64 or arm64 for {node}; see docs/getting-started.md.",
)
DISK_FULL = Code(
    "KB303",
    "a disk is full",
    "Free space on {node} (see `df -h`), then run the same command again.",
)
RUNTIME_MISSING = Code(
    "KB304",
    "the container runtime is not installed",
    "Install containerd or cri-o on {node} with the package manager of its distribution, then run "
    "the same command again.",
)
RUNTIME_DOWN = Code(
    "KB305",
    "the container runtime does not answer",
    "Check `journalctl -u containerd -u crio -n 50` on {node}, fix the cause, then run the same "
    "command again.",
)
PORT_TAKEN = Code(
    "KB306",
    "a port that Kubernetes needs is in use",
    "Find the process with `ss -ltnp` on {node}, stop it, then run the same command again.",
)
CLOCK_SKEW = Code(
    "KB307",
    "the clocks disagree",
    "Set the clock of {node} (`timedatectl`, chrony) or that of the workstation; certificates and "
    "tokens depend on it.",
)
TOO_SMALL = Code(
    "KB308",
    "the node is too small for its role",
    "Give {node} more memory or CPUs, or name the check (Mem, NumCPU) in its `ignore_preflight`.",
)
TOOLS_MISSING = Code(
    "KB309",
    "tools of the operating system are missing",
    "Install them on {node} with the package manager of its distribution, then run the same "
    "command again. Nothing was changed on the node.",
)
WRONG_VERSION = Code(
    "KB310",
    "a binary has another version than the inventory",
    "Make `kubernetes.version` and the binaries on {node} agree; `kubeadm version -o short` shows "
    "the version there.",
)
PROGRAM_MISSING = Code(
    "KB311",
    "a binary is not available",
    "Check `programs` in the inventory: the directory must hold kubeadm, kubelet and kubectl (and "
    "crictl, or a crictl_url), or the release site must be reachable. See docs/programs.md.",
)
NO_RESOLVER = Code(
    "KB312",
    "the node has no usable resolv.conf",
    "Create the file named above on {node} (or start the service that writes it, such as "
    "systemd-resolved), or name another one as `kubelet.resolvConf`; no pod starts without it.",
)
OTHER_NETWORK = Code(
    "KB313",
    "another pod network is on the node",
    "Remove the files named above from {node} if they are not used. If they belong to your own pod "
    "network, set `cni.type` to manifest or none. See docs/pod-network.md.",
)
UMASK = Code(
    "KB314",
    "a service's umask makes its files unreadable for containers",
    "On {node}: `systemctl edit --drop-in=zz-umask UNIT` with the lines `[Service]` and "
    "`UMask=0022` for the unit named above, then `systemctl restart UNIT`.",
)
NO_ADDRESS = Code(
    "KB315",
    "no interface of the node has its address",
    "Correct `advertise_address` (or `address`) of {node} in the inventory; `ip -br addr` on the "
    "node shows its addresses.",
)
UNREACHED = Code(
    "KB316",
    "the node cannot reach a port of the cluster",
    "Open the port named above for {node} in the firewalls on the path (nftables, firewalld, "
    "security groups); `curl -vk https://HOST:PORT` on {node} shows whether it is open.",
)
SAME_MACHINE = Code(
    "KB317",
    "two nodes are the same host",
    "Correct the addresses in the inventory: a host can be one node only.",
)
CLONED = Code(
    "KB318",
    "two nodes have the same machine-id",
    "On all of them but one: `rm /etc/machine-id && systemd-machine-id-setup`, then reboot; DHCP "
    "servers and some pod networks cannot distinguish such nodes.",
)
ODD_HOST = Code(
    "KB319",
    "a fact about the host is malformed",
    "Read the file named above on {node} and correct it, then run the same command again; if the "
    "file is right, report a bug.",
)
CONFIG_REFUSED = Code(
    "KB320",
    "kubeadm refuses its configuration",
    "Correct the setting named above in the inventory; `kbootstrap render` shows the whole file.",
)
PREFLIGHT = Code(
    "KB321",
    "kubeadm's preflight checks failed",
    "Fix what the checks report on {node}; if a check does not apply to this node, add its name "
    "to `ignore_preflight`. Then run the same command again.",
)
INIT_FAILED = Code(
    "KB322",
    "kubeadm init failed",
    "Check `journalctl -u kubelet -n 50` and `crictl ps -a` on {node}; fix the cause and run the "
    "same command again, which resumes.",
)
JOIN_FAILED = Code(
    "KB323",
    "kubeadm join failed",
    "Check `journalctl -u kubelet -n 50` on {node}; fix the cause and run the same command again. "
    "After a confirmation (`--yes` for scripts) it clears the half-done join and repeats it.",
)
IMAGE_PULL = Code(
    "KB324",
    "an image cannot be pulled",
    "Check `registry.image_repository` and its mirrors: `crictl pull IMAGE` on {node} must work.",
)
PODS_DOWN = Code(
    "KB325",
    "pods of Kubernetes itself do not run on the node",
    "Check `kubectl -n kube-system describe pod` of the pods named above and "
    "`journalctl -u kubelet -n 50` on {node}; then run the same command again.",
)
UNSAFE_PATH = Code(
    "KB326",
    "another user than root can change the path of a file",
    "Place the file below directories of root that no other user can write to, or correct their "
    "owner and mode on {node} (`chown root`, `chmod go-w`); then run the same command again.",
)
PROXY_REVERTED = Code(
    "KB327",
    "kube-proxy does not run with its configuration",
    "Correct `kube_proxy` in the inventory by the message above, then run the same command again. "
    "Pods of kube-proxy that were not replaced run as before.",
)
KUBELET_REVERTED = Code(
    "KB328",
    "the kubelet's new settings do not work",
    "Correct `kubelet`, `kubelet_args` or `api.endpoint` in the inventory, then run the same "
    "command again. {node} runs with its old settings again; nodes after it were not changed.",
)
SETTINGS_UNDONE = Code(
    "KB329",
    "a component of the control plane does not work with its new settings",
    "Correct the setting named above in the inventory, then run the same command again. {node} has "
    "its old settings again, and no other control plane was changed.",
)

"""Paths on a node that several modules use: those of kbootstrap, and those of CNI.

A phase that alone uses a file names it itself, below one of these directories. Templates
have both directories as `state_dir` and `runtime_dir`. docs/state.md describes the files.
"""

STATE_DIR = "/var/lib/kbootstrap"
RUNTIME_DIR = "/run/kbootstrap"  # on a tmpfs: temporary files, which may hold secrets

CHECKPOINT = f"{STATE_DIR}/state.json"
CLUSTER_NAME = f"{STATE_DIR}/cluster"  # the cluster of the node: its name, the hash of its CA
BEFORE = f"{STATE_DIR}/before"  # what was there before kbootstrap, in directories that others use
RUNS = f"{STATE_DIR}/run"  # one directory for each detached run
BINARY_SUMS = f"{STATE_DIR}/programs"  # sha256 of each binary, with its size and times
MANIFESTS_BACKUP = f"{STATE_DIR}/backup"  # copies of /etc/kubernetes, one for each version
ETCD_RESTORE = f"{STATE_DIR}/etcd-restore"  # the files of an etcd restore

# Of an unfinished rotation of the CAs; below kubeadm's directory, which the static pods mount.
CA_ROTATION = "/etc/kubernetes/pki/rotation"

CNI_CONFIG_DIR = "/etc/cni/net.d"
CNI_BINARY_DIR = "/opt/cni/bin"

"""Names that kubeadm and the components accept, because wrong ones are found late or never.

Hints for editors and for messages; `kubeadm config validate` on the node decides. Fields, checks
and feature gates are read from the source of Kubernetes (`kbootstrap.model.generated_names`); the
rest is from cmd/kubeadm/app (cmd/phases, preflight/checks.go) of
https://github.com/kubernetes/kubernetes, v1.34.
"""

from collections.abc import Iterable

from kbootstrap.components import CONTROLLER_MANAGER, SCHEDULER, STATIC_PODS
from kbootstrap.model.generated_names import by_minor


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _all(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted({name for minor in names for name in minor}))


_MINORS = by_minor()
KNOWN_MINOR = max(_MINORS)  # later releases may have more names
KUBELET_FIELDS = _all(names.kubelet for names in _MINORS.values())
KUBE_PROXY_FIELDS = _all(names.kube_proxy for names in _MINORS.values())
# Feature gates of the components: the first minor that has each; 0: unknown.
COMPONENT_GATES = {name: since for names in _MINORS.values() for name, since in names.gates.items()}

# ContainerRuntimeVersion: in releases later than the source that was read.
PREFLIGHT_CHECKS = _all(
    [*(names.preflight_checks for names in _MINORS.values()), ["ContainerRuntimeVersion"]]
)
# Checks named after a port, directory or file.
PREFLIGHT_FAMILIES = (
    r"Port-[0-9]{1,5}",
    r"DirAvailable--.+",
    r"FileAvailable--.+",
    r"FileContent--.+",
    r"FileExisting-[^-].*",
)

_CERTS = (
    "ca",
    "apiserver",
    "apiserver-kubelet-client",
    "front-proxy-ca",
    "front-proxy-client",
    "etcd-ca",
    "etcd-server",
    "etcd-peer",
    "etcd-healthcheck-client",
    "apiserver-etcd-client",
    "sa",
)
_CHILDREN = {
    "certs": _CERTS,
    "kubeconfig": ("admin", "super-admin", "kubelet", "controller-manager", "scheduler"),
    "etcd": ("local",),
    "control-plane": ("apiserver", "controller-manager", "scheduler"),
    "upload-config": ("kubeadm", "kubelet"),
    "kubelet-finalize": ("enable-client-cert-rotation", "experimental-cert-rotation"),
    "addon": ("coredns", "kube-proxy"),
    "control-plane-prepare": ("download-certs", "certs", "kubeconfig", "control-plane"),
    "control-plane-join": ("etcd", "update-status", "mark-control-plane"),
}
_SINGLE_PHASES = (
    "preflight",
    "kubelet-start",
    "wait-control-plane",
    "upload-certs",
    "mark-control-plane",
    "bootstrap-token",
    "show-join-command",
    "check-etcd",
    "etcd-join",
    "kubelet-wait-bootstrap",
)
PHASES = (
    *_SINGLE_PHASES,
    *_CHILDREN,
    *(f"{parent}/{child}" for parent, children in _CHILDREN.items() for child in children),
)
# No other node can join without what these phases make.
PHASES_JOINS_NEED = ("bootstrap-token", "upload-config", "upload-config/kubeadm")
PHASES_OF_ADDONS = {
    "addon": "addons.dns and addons.kube_proxy",
    "addon/coredns": "addons.dns",
    "addon/kube-proxy": "addons.kube_proxy",
}

# kubeadm's feature gates: first and last minor that has each; None: still in the newest one.
FEATURE_GATES: dict[str, tuple[int, int | None]] = {
    # Removed before the oldest source that was read.
    "EtcdLearnerMode": (27, 32),
    "RootlessControlPlane": (27, 33),
    "UpgradeAddonsBeforeControlPlane": (28, 30),
    **{
        name: (since, None if minor == KNOWN_MINOR else minor)
        for minor, names in _MINORS.items()
        for name, since in names.kubeadm_gates.items()
    },
}

PATCH_TARGETS = (
    *STATIC_PODS,
    "kubeletconfiguration",
    "corednsdeployment",
)

# Arguments that kubeadm or kbootstrap sets, and the inventory key for each.
OWNED_ARGUMENTS = {
    "api_server": {
        "advertise-address": "the node's advertise_address",
        "secure-port": "api.bind_port",
        "service-cluster-ip-range": "network.service_cidr",
        "etcd-servers": "etcd.external.endpoints",
    },
    "controller_manager": {
        "cluster-cidr": "network.pod_cidr",
        "service-cluster-ip-range": "network.service_cidr",
        "cluster-name": "cluster.name",
    },
    "scheduler": {},
    "etcd": {"data-dir": "etcd.data_dir", "name": "the node's name"},
}
OWNED_KUBELET_ARGUMENTS = {
    "bootstrap-kubeconfig": "nothing: kubeadm sets it",
    "config": "kubelet",
    "container-runtime-endpoint": "runtime.type",
    "hostname-override": "the node's name",
    "kubeconfig": "nothing: kubeadm sets it",
    "node-labels": "labels",
    "pod-manifest-path": "nothing: kubeadm sets it",
    "register-with-taints": "taints",
}
# Kubelet flags that were removed: the first minor whose kubelet does not start with them, and
# the key of the inventory to use instead.
REMOVED_KUBELET_FLAGS = {
    "container-runtime": (27, "runtime.type"),
    "pod-infra-container-image": (35, "registry.pause"),
}

STATIC_POD_PATH = "/etc/kubernetes/manifests"
# Files that kubeadm writes; its preflight checks fail if they exist.
KUBEADM_FILES = (
    *(f"{STATIC_POD_PATH}/{name}.yaml" for name in STATIC_PODS),
    *(
        f"/etc/kubernetes/{name}.conf"
        for name in (
            "admin",
            "super-admin",
            "kubelet",
            "bootstrap-kubelet",
            "controller-manager",
            "scheduler",
        )
    ),
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/pki/ca.key",
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/kubeadm-flags.env",
)
# Directories that hold more than etcd's data; `kubeadm reset` empties the data directory.
SHARED_FOLDERS = _names(
    "/bin /boot /dev /etc /etc/kubernetes /home /lib /mnt /opt /proc /root /run /sbin /srv /sys"
    " /tmp /usr /usr/local /var /var/lib /var/lib/containerd /var/lib/containers"
    " /var/lib/kubelet /var/log"
)
TAKEN_PORTS = {
    22: "SSH",
    2379: "etcd",
    2380: "etcd",
    10248: "the kubelet",
    10249: "kube-proxy",
    10250: "the kubelet",
    10256: "kube-proxy",
    10257: CONTROLLER_MANAGER,
    10259: SCHEDULER,
}

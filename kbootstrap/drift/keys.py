"""What a change of each key of the inventory does to a cluster that runs; data only.

tests/unit/drift/test_keys.py walks over every key of the inventory's models and fails when one
has no row, when a row names none, or when `up` does something else. docs/inventory.md prints it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a changed key reaches a running cluster."""

    LIVE = "live"
    ROLLING = "rolling"
    NODE_BY_NODE = "node by node"
    FIXED = "fixed"
    REPORTED = "reported"
    WORKSTATION = "of the workstation"


MEANINGS = {
    Kind.LIVE: "`up` changes objects of the API; nothing restarts",
    Kind.ROLLING: "`up` changes one control plane after the other, each checked before the next",
    Kind.NODE_BY_NODE: "`up` changes each node that differs",
    Kind.FIXED: "refused before anything changes, with the live value and the way to change it",
    Kind.REPORTED: "`up` does not change it; it is listed, and the exit status is 9",
    Kind.WORKSTATION: "how kbootstrap works; no cluster holds it, and the next command uses it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One key, or a section whose keys are all the same in this respect.

    Attributes:
        keys: paths such as ``api.cert_sans``; one that names a section stands for every key in it
            that has no row of its own. Those of ``nodes`` also stand for defaults and groups.
        kind: what happens.
        truth: where its live value is read.
        how: how a change is carried out; of a fixed one, the way there.
        disturbs: what a change that `up` carries out disturbs.

    """

    keys: tuple[str, ...]
    kind: Kind
    truth: str = "-"
    how: str = "-"
    disturbs: str = "-"


_CONFIG = "ConfigMap kubeadm-config"
_NEW_CLUSTER = "a new cluster"
_AGAIN = "`kbootstrap reset NODE`, then `kbootstrap join NODE`"
_REPLACE = "`kbootstrap replace NODE`"
_KUBELETS = "the first node alone, then at most 10 at once; put back if the kubelet is not healthy"
_KUBELET_RESTARTS = "the kubelet restarts; pods continue"
_RUNTIME_FILES = "the runtime's configuration files, and the process that has read them"

ROWS: tuple[Row, ...] = (
    Row(keys=("cluster.name",), kind=Kind.FIXED, truth=_CONFIG, how=_NEW_CLUSTER),
    Row(
        keys=("cluster.ca_hash",),
        kind=Kind.FIXED,
        truth="/etc/kubernetes/pki/ca.crt of the nodes",
        how="the hash of the CA that the cluster has",
    ),
    Row(
        keys=("kubernetes.version",),
        kind=Kind.FIXED,
        truth="the kubelets' and the static pods' versions",
        how="`kbootstrap upgrade --to VERSION`",
    ),
    Row(keys=("nodes.ssh", "nodes.groups"), kind=Kind.WORKSTATION),
    Row(
        keys=("nodes.address",),
        kind=Kind.WORKSTATION,
        how="only where to connect to, while `advertise_address` keeps the old one",
    ),
    Row(keys=("nodes.name",), kind=Kind.FIXED, truth="the Node objects", how=_AGAIN),
    Row(
        keys=("nodes.role", "nodes.roles"),
        kind=Kind.FIXED,
        truth="the Node's label of control planes; static pods on the node",
        how=_REPLACE,
    ),
    Row(
        keys=("nodes.advertise_address", "nodes.second_address"),
        kind=Kind.FIXED,
        truth="the Node's addresses; the manifest of kube-apiserver",
        how=_REPLACE,
    ),
    Row(
        keys=("nodes.labels",),
        kind=Kind.LIVE,
        truth="the Node's labels",
        how="set on the Node; what the inventory no longer has is removed",
        disturbs="nothing",
    ),
    Row(
        keys=("nodes.taints",),
        kind=Kind.LIVE,
        truth="the Node's taints",
        how="set on the Node; what the inventory no longer has is removed",
        disturbs="NoExecute: pods that do not tolerate the taint",
    ),
    Row(
        keys=("nodes.kubelet_args",),
        kind=Kind.NODE_BY_NODE,
        truth="the command line of the running kubelet; kubeadm-flags.env",
        how=_KUBELETS,
        disturbs=_KUBELET_RESTARTS,
    ),
    Row(
        keys=("nodes.ignore_preflight", "kubeadm.ignore_preflight", "kubeadm.skip_phases"),
        kind=Kind.WORKSTATION,
        how="used by the next init, join or upgrade",
    ),
    Row(
        keys=("kubeadm.timeouts", "token.ttl"),
        kind=Kind.WORKSTATION,
        how="used by the next init, join or upgrade",
    ),
    Row(
        keys=("api.endpoint",),
        kind=Kind.ROLLING,
        truth=f"{_CONFIG}, cluster-info, kube-proxy; the kubeconfigs of each node; the names in the"
        " certificate of each API server",
        how="certificates, then the ConfigMaps, then the nodes: the first alone, then at most 10 at"
        " once; put back if a kubelet does not work with it",
        disturbs="the kubelets of workers restart, and kube-proxy's pods; the old endpoint serves",
    ),
    Row(
        keys=("api.bind_port",),
        kind=Kind.FIXED,
        truth="the manifest of kube-apiserver on each control plane",
        how=_NEW_CLUSTER,
    ),
    Row(
        keys=("api.cert_sans",),
        kind=Kind.ROLLING,
        truth="the names in the certificate of each API server",
        how="a new certificate from the cluster's CA",
        disturbs="nothing; kube-apiserver reads it without a restart",
    ),
    Row(
        keys=("network.pod_cidr", "network.service_cidr", "network.dns_domain"),
        kind=Kind.FIXED,
        truth=_CONFIG,
        how=_NEW_CLUSTER,
    ),
    Row(
        keys=("registry.image_repository", "registry.etcd", "etcd.image_tag"),
        kind=Kind.ROLLING,
        truth=f"the images of the static pods; {_CONFIG}",
        how="the image pulled, then a new manifest; kube-proxy and CoreDNS roll out;"
        " a tag that is removed is reported until the next upgrade",
        disturbs="each component restarts; etcd behind a snapshot",
    ),
    Row(keys=("registry.dns", "registry.dns_tag"), kind=Kind.REPORTED, truth=_CONFIG),
    Row(
        keys=("registry.pause", "runtime.settings"),
        kind=Kind.NODE_BY_NODE,
        truth=_RUNTIME_FILES,
        how="files written, the runtime restarted if its process has older ones: the first node"
        " alone, then at most 10 at once; put back if the runtime does not work",
        disturbs="the runtime restarts; containers keep running",
    ),
    Row(
        keys=("registry.mirrors",),
        kind=Kind.NODE_BY_NODE,
        truth=_RUNTIME_FILES,
        how="files written; the runtime restarted where it does not read them at each pull",
        disturbs="nothing with containerd; CRI-O restarts, containers keep running",
    ),
    Row(keys=("runtime.type",), kind=Kind.FIXED, truth="the Node's runtime version", how=_AGAIN),
    Row(keys=("etcd.data_dir", "etcd.external"), kind=Kind.FIXED, truth=_CONFIG, how=_NEW_CLUSTER),
    Row(
        keys=("kubeadm.extra_args",),
        kind=Kind.ROLLING,
        truth=f"the arguments of the running processes; {_CONFIG}",
        how="a new manifest; the old one is put back if the component does not work",
        disturbs="the component restarts; etcd behind a snapshot",
    ),
    Row(
        keys=("kubeadm.feature_gates",),
        kind=Kind.LIVE,
        truth=_CONFIG,
        how="stored for the next join and upgrade",
        disturbs="nothing",
    ),
    Row(
        keys=("kubeadm.patches",),
        kind=Kind.REPORTED,
        truth="the patches that init, join or the last upgrade applied",
        how="`kbootstrap upgrade` applies them",
    ),
    Row(
        keys=("kubelet",),
        kind=Kind.NODE_BY_NODE,
        truth="ConfigMap kubelet-config; /var/lib/kubelet/config.yaml of each node, and whether"
        " the running kubelet is younger",
        how=f"merged into the ConfigMap, then {_KUBELETS}",
        disturbs=_KUBELET_RESTARTS,
    ),
    Row(
        keys=("kube_proxy",),
        kind=Kind.NODE_BY_NODE,
        truth="ConfigMap kube-proxy, and with which configuration each pod of kube-proxy started",
        how="merged into the ConfigMap, then one pod is replaced, then at most 10 at once;"
        " put back if the first one does not run",
        disturbs="kube-proxy restarts; the rules that it made stay meanwhile",
    ),
    Row(
        keys=("addons.dns", "addons.kube_proxy"),
        kind=Kind.LIVE,
        truth="the addon's ConfigMap and workload, and kubeadm-config",
        how="enabled: installed by kubeadm's phase; disabled: what kubeadm made is removed",
        disturbs="disabled: pods resolve no names, or new Services have no rules",
    ),
    Row(
        keys=("cni.type",),
        kind=Kind.REPORTED,
        truth="the pod network's configuration on each node",
    ),
    Row(
        keys=("cni.manifests",),
        kind=Kind.LIVE,
        truth="the objects, by the hash in their annotation",
        how="objects that differ are applied; those of a removed manifest stay",
        disturbs="what the manifest's own workloads do when they roll out",
    ),
    Row(
        keys=("programs", "cni.insecure", "cni.sha256"),
        kind=Kind.WORKSTATION,
        how="used by the next download",
    ),
    Row(
        keys=("programs.bin_dir",),
        kind=Kind.NODE_BY_NODE,
        truth="the command line of the running kubelet",
        how=f"binaries and unit are placed, then {_KUBELETS}",
        disturbs=_KUBELET_RESTARTS,
    ),
    Row(
        keys=("files",),
        kind=Kind.NODE_BY_NODE,
        truth="the files on each node",
        how="written; a file that the inventory no longer has is reverted",
        disturbs="nothing; what reads a file is not restarted",
    ),
)


def row_of(key: str) -> Row | None:
    """The row of a key of the inventory: its own, or that of the smallest section around it."""
    head, _, rest = key.partition(".")
    path = f"nodes.{rest}" if head in {"defaults", "groups"} else key
    while path:
        for row in ROWS:
            if path in row.keys:
                return row
        path = path.rpartition(".")[0]
    return None

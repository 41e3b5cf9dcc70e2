"""The state of the cluster as its API shows it at one moment; frozen.

Filled by `kbootstrap.remote.kube`; phases plan on it. Before the cluster exists it is `NOTHING`,
which is an empty cluster.
"""

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Any

from kbootstrap.model.cluster import Taint
from kbootstrap.model.document import EMPTY, Document
from kbootstrap.model.etcd import EtcdMember


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedNode:
    """A Node object."""

    name: str
    ready: bool
    age: float = math.inf  # seconds since it was made
    reason: str = ""  # of the Ready condition, from the kubelet
    unschedulable: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[Taint, ...] = ()
    pod_cidrs: tuple[str, ...] = ()
    kubelet_version: str = ""
    runtime: str = ""  # such as "containerd://1.6.20"
    address: str = ""
    addresses: tuple[str, ...] = ()  # every InternalIP
    cordoned_by: str = ""  # kbootstrap's annotations, see CORDONED_BY and DRAINED_BY
    drained_by: str = ""
    our_labels: tuple[str, ...] = ()  # keys of labels that an inventory set, see OUR_LABELS
    our_taints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticPod:
    """A component of the control plane, as it runs on its node."""

    node: str
    component: str
    version: str  # the tag of its image


@dataclass(frozen=True, slots=True, kw_only=True)
class PodReason:
    """Why a pod does not run: one of its containers, or the pod itself.

    Attributes:
        reason: the API's reason where there is one, such as ImagePullBackOff.
        pod: its name.
        uid: of the pod, since a StatefulSet reuses names.
        container: empty for a reason of the whole pod.
        restarts: of the container.
        last: how the container ended before; empty at its first start.

    """

    reason: str
    message: str = ""
    pod: str = ""
    uid: str = ""
    container: str = ""
    restarts: int = 0
    last: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Pod and container; the same in a later observation."""
        return self.uid, self.container

    @property
    def text(self) -> str:
        """One line, such as "kube-proxy: ImagePullBackOff: Back-off pulling image ..."."""
        line = ": ".join(filter(None, (self.container, self.reason, self.message)))
        return f"{line} ({self.last})" if self.last else line


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedPod:
    """A pod that kubeadm makes.

    Attributes:
        node: empty until it is scheduled.
        name: kube-proxy, coredns, or a static pod's component.
        pod: the pod's own name; empty if there is none.
        reasons: why it does not run, the worst first; empty if it does.
        older: it was not started with the configuration that the cluster stores.

    """

    node: str
    name: str
    pod: str = ""
    reasons: tuple[PodReason, ...] = ()
    older: bool = False

    @property
    def reason(self) -> str:
        """The worst reason on one line; empty if the pod runs."""
        return self.reasons[0].text if self.reasons else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the API server returned."""

    reachable: bool = False
    ready: bool = False  # /readyz
    nodes: tuple[ObservedNode, ...] = ()
    config_maps: frozenset[str] = frozenset()  # of kube-system
    workloads: frozenset[str] = frozenset()  # DaemonSets and Deployments of kube-system
    made_by_kubeadm: frozenset[str] = frozenset()  # those of both that kubeadm wrote
    kubeadm_config: Document = EMPTY  # ClusterConfiguration as stored
    kubelet_config: Document = EMPTY  # KubeletConfiguration as stored
    kube_proxy_config: Document = EMPTY  # KubeProxyConfiguration as stored
    kube_proxy_open: bool = False  # a change of kube-proxy has not ended, see KUBE_PROXY_BEFORE
    last_applied: Document = EMPTY  # what the inventory set, see LAST_APPLIED
    cluster_info: str = ""  # host:port that kube-public/cluster-info names; only for up and status
    proxy_server: str = ""  # host:port that kube-proxy's kubeconfig names
    static_pods: tuple[StaticPod, ...] = ()
    own_pods: tuple[ObservedPod, ...] = ()  # only for up, join and status
    token_owners: frozenset[str] = frozenset()  # nodes for which kbootstrap made bootstrap tokens
    certs_uploaded: bool = False  # the Secret kubeadm-certs exists
    leftovers: tuple[str, ...] = ()  # kbootstrap's tokens and uploaded certificates, as printed
    busy: frozenset[str] = frozenset()  # nodes with pods that a drain would evict; only for reset
    applied: frozenset[str] = frozenset()  # manifests that are applied unchanged, by `manifest_ref`
    rolled_out: frozenset[tuple[str, str, str]] = frozenset()  # kind, namespace, name
    etcd: tuple[EtcdMember, ...] | None = None  # None: external, or not read by this command

    def node(self, name: str) -> ObservedNode | None:
        """The Node object of that name, if it exists."""
        for node in self.nodes:
            if node.name == name:
                return node
        return None

    def pods_down(
        self, node: str, wanted: tuple[str, ...], also: tuple[str, ...] = ()
    ) -> tuple[ObservedPod, ...]:
        """Pods of a node that do not run: each of ``wanted``, and those of ``also`` that exist."""
        here = [pod for pod in self.own_pods if pod.node == node]
        have = {pod.name for pod in here}
        missing = (ObservedPod(node=node, name=n, reasons=NO_POD) for n in wanted if n not in have)
        return (*missing, *(p for p in here if p.reasons and p.name in (*wanted, *also)))

    def with_pods(self, node: str, names: tuple[str, ...]) -> tuple[ObservedPod, ...]:
        """The pods, after those of a node run, ``names`` among them."""
        others = tuple(pod for pod in self.own_pods if pod.node != node)
        here = tuple(replace(pod, reasons=()) for pod in self.own_pods if pod.node == node)
        missing = [name for name in names if name not in {pod.name for pod in here}]
        return (*others, *here, *(ObservedPod(node=node, name=name) for name in missing))

    def with_proxies(self, *, older: bool) -> tuple[ObservedPod, ...]:
        """The pods, those of kube-proxy with this configuration."""
        return tuple(
            replace(pod, older=older) if pod.name == KUBE_PROXY else pod for pod in self.own_pods
        )

    def with_node(self, name: str, **changes: Any) -> tuple[ObservedNode, ...]:
        """The nodes, after one was changed or added."""
        old = self.node(name) or ObservedNode(name=name, ready=False)
        return (*(n for n in self.nodes if n.name != name), replace(old, **changes))


KUBE_PROXY = "kube-proxy"  # its DaemonSet, its ConfigMap, and the name of its pods here
NO_POD = (PodReason(reason="the pod does not exist"),)
NOTHING = Observed()
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
CORDONED_BY = "kbootstrap.io/cordoned-by"  # set in the request that cordons
DRAINED_BY = "kbootstrap.io/drained-by"
OUR_LABELS = "kbootstrap.io/labels"  # keys, separated by commas
OUR_TAINTS = "kbootstrap.io/taints"
LAST_APPLIED = "kbootstrap-last-applied"  # ConfigMap in kube-system, with an entry for each key
CONFIG_SUM = "kbootstrap.io/config-sha256"  # on pods: of the configuration that they started with
KUBE_PROXY_BEFORE = "kbootstrap.io/before"  # on the DaemonSet: what an unfinished change replaces
FOR_UPGRADE = "kbootstrap-upgrade"  # their value on a node that is being upgraded
MANIFEST_SUM = "kbootstrap.io/manifest-sha256"  # annotation on objects that kbootstrap applies


def manifest_ref(manifest: Document) -> str:
    """Identifies an object with its content: kind, namespace, name and hash."""
    data = manifest.data
    meta = data.get("metadata", {})
    place = "/".join(str(meta.get(key, "")) for key in ("namespace", "name"))
    content = hashlib.sha256(manifest.text.encode()).hexdigest()
    return f"{data.get('apiVersion')} {data.get('kind')} {place} {content}"

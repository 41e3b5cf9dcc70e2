"""Changes made, or awaited, through the Kubernetes API."""

from dataclasses import dataclass

from kbootstrap.action.base import Action
from kbootstrap.model.cluster import Taint
from kbootstrap.model.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAction(Action):
    """A change made, or awaited, through the Kubernetes API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeToken(ApiAction):
    """Create a bootstrap token for one join and wait until cluster-info is signed with it.

    Fills the placeholders ``token`` (secret) and ``ca_hash``.
    """

    node: str
    ttl: int

    @property
    def text(self) -> str:
        return f"create a bootstrap token (valid {self.ttl // 60} min)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTokens(ApiAction):
    """Delete every bootstrap token made for a node, or for init."""

    node: str

    @property
    def text(self) -> str:
        return f"delete the bootstrap token of {'init' if self.node == 'init' else 'this join'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCerts(ApiAction):
    """Delete the uploaded control-plane certificates (Secret kubeadm-certs)."""

    @property
    def text(self) -> str:
        return "delete the uploaded certificates (secret kubeadm-certs)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireCerts(ApiAction):
    """Shorten kubeadm's 2 hours for uploaded certificates, since a killed run leaves them."""

    ttl: int  # seconds from now

    @property
    def text(self) -> str:
        return f"let the uploaded certificates expire after {self.ttl // 60} min"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeCertificateKey(ApiAction):
    """Make an AES key for the uploaded certificates; placeholder ``certificate_key``."""

    @property
    def text(self) -> str:
        return "make a certificate key"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNodeMeta(ApiAction):
    """Set a Node's labels and taints and remove old ones; those set by others are retained.

    Attributes:
        labels: to set.
        taints: to set.
        old_labels: keys to remove.
        old_taints: to remove.
        our_labels: keys of the inventory's labels, which are recorded on the Node.
        our_taints: the inventory's taints as text, also recorded.

    """

    node: str
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[Taint, ...] = ()
    old_labels: tuple[str, ...] = ()
    old_taints: tuple[Taint, ...] = ()
    our_labels: tuple[str, ...] = ()
    our_taints: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"labels and taints of {self.node}"

    @property
    def text(self) -> str:
        new = [f"{key}={value}" for key, value in self.labels]
        new += [f"taint {taint}" for taint in self.taints]
        old = [*self.old_labels, *(f"taint {taint}" for taint in self.old_taints)]
        parts = [f"set on the node: {', '.join(new)}"] if new else []
        parts += [f"remove from the node: {', '.join(old)}"] if old else []
        return "; ".join(parts) or "record on the node which labels and taints the inventory has"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyManifest(ApiAction):
    """Apply one object server-side, as field manager ``kbootstrap``."""

    manifest: Document
    source: str  # the file or URL that it comes from

    @property
    def text(self) -> str:
        data = self.manifest.data
        meta = data.get("metadata", {})
        name = "/".join(filter(None, [meta.get("namespace"), meta.get("name")]))
        return f"apply {data.get('kind')} {name} ({self.source})"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitRollout(ApiAction):
    """Wait until the workloads of a manifest have rolled out."""

    workloads: tuple[tuple[str, str, str], ...]  # kind, namespace, name
    nodes: int  # nodes in the inventory; until they have joined, a pod may be unschedulable
    waits: bool = True
    seconds: int = 600

    @property
    def text(self) -> str:
        names = ", ".join(f"{kind} {ns}/{name}" for kind, ns, name in self.workloads)
        return f"wait for {names}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCaHash(ApiAction):
    """Compute kubeadm's hash of the CA of the control plane in use; placeholder ``ca_hash``."""

    waits: bool = True

    @property
    def text(self) -> str:
        return "read the cluster's CA hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitPodCidr(ApiAction):
    """Wait until the node has its pod CIDR; placeholder ``pod_cidr``."""

    node: str
    waits: bool = True
    seconds: int = 120

    @property
    def text(self) -> str:
        return "read the node's pod CIDR"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitReady(ApiAction):
    """Wait until a node is Ready and the API server's /readyz answers.

    Without a pod network (``network`` false), a node that lacks only that is accepted. With a
    ``version``, the kubelet must report it, since the Ready condition of the old kubelet persists.
    """

    node: str
    network: bool = True
    version: str = ""
    waits: bool = True
    seconds: int = 300

    @property
    def text(self) -> str:
        return f"wait until the node is Ready{f' with {self.version}' if self.version else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitPods(ApiAction):
    """Wait until the pods that kubeadm makes run on a node.

    Attributes:
        pods: names that must exist and run.
        also: names that must run if they exist.
        down: those that do not run now, each with the reason, for the plan line.

    """

    node: str
    pods: tuple[str, ...]
    also: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    waits: bool = True
    seconds: int = 300

    @property
    def key(self) -> str:
        return f"pods of {self.node}"

    @property
    def text(self) -> str:
        now = f" (now {'; '.join(self.down)})" if self.down else ""
        return f"wait until the node's own pods run{now}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cordon(ApiAction):
    """Cordon a node; ``mark`` is recorded as annotation of the Node in the same request."""

    node: str
    mark: str = ""

    @property
    def text(self) -> str:
        return "cordon the node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(ApiAction):
    """Evict a node's pods through the eviction API, which respects PodDisruptionBudgets.

    Attributes:
        seconds: deadline; the error names the blocking pods and budgets.
        force: also evict pods without a controller, which are not recreated.
        empty_dirs: also evict pods with emptyDir volumes, whose data is lost.
        mark: annotation of the Node once it is drained, so that it is not drained again.

    """

    node: str
    mark: str = ""
    seconds: int = 600
    force: bool = False
    empty_dirs: bool = False

    @property
    def text(self) -> str:
        return "drain the node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncordon(ApiAction):
    """Uncordon a node and remove kbootstrap's annotations; ``keep``: only the annotations."""

    node: str
    keep: bool = False

    @property
    def text(self) -> str:
        if self.keep:
            return "remove kbootstrap's annotations from the node, which stays cordoned"
        return "uncordon the node"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteNode(ApiAction):
    """Delete the Node object."""

    node: str

    @property
    def text(self) -> str:
        return "delete the Node object"

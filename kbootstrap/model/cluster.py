"""The cluster that the inventory describes: defaults filled in, names resolved, frozen.

Made by `kbootstrap.model.resolve`; the code beyond the model never reads the inventory itself.
Everything is hashable and compares by value, so plans are pure functions of it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Literal

from kbootstrap.model.document import EMPTY, Document
from kbootstrap.model.pins import Pin
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.model.versions import Version

IpNetwork = IPv4Network | IPv6Network
SourceName = Literal["release", "folder", "preinstalled"]  # of kbootstrap.artifacts.SOURCES


def bracketed(host: str) -> str:
    """The host as a part of a URL: an IPv6 address has brackets there (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


class Role(StrEnum):
    """What a node is for; a node may have both roles (no control-plane taint then)."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Taint:
    """A node taint, as in core/v1."""

    key: str
    value: str
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

    def __str__(self) -> str:
        return f"{self.key}{'=' + self.value if self.value else ''}:{self.effect}"


@dataclass(frozen=True, slots=True)
class Arg:
    """One ``--name=value`` of a component; v1beta4 allows a name twice."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of the cluster."""

    name: str
    address: str
    ssh: SshTarget
    roles: frozenset[Role]
    advertise_address: str  # what the API server and etcd advertise; default: address
    second_address: str = ""  # of the other family, in a dual-stack cluster
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[Taint, ...] | None = None  # None: kubeadm's default
    kubelet_args: tuple[Arg, ...] = ()
    ignore_preflight: tuple[str, ...] = ()

    @property
    def is_control_plane(self) -> bool:
        return Role.CONTROL_PLANE in self.roles

    @property
    def url_host(self) -> str:
        """Its advertised address as a part of a URL."""
        return bracketed(self.advertise_address)

    @property
    def role_text(self) -> str:
        """``control-plane``, ``worker`` or ``control-plane+worker``."""
        return "+".join(sorted(self.roles))


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Where clients find the API server."""

    endpoint: str  # host:port, always set: the first control plane's if the user gave none
    bind_port: int = 6443
    cert_sans: tuple[str, ...] = ()
    stable: bool = False  # the user named the endpoint, so more control planes may join


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Address ranges; one or two of each (dual stack), in the order written."""

    pod_cidrs: tuple[IpNetwork, ...]
    service_cidrs: tuple[IpNetwork, ...]
    dns_domain: str = "cluster.local"

    @property
    def dual_stack(self) -> bool:
        """Whether pods and services have addresses of both families."""
        return len(self.pod_cidrs) > 1

    def ordered(self, *addresses: str) -> tuple[str, ...]:
        """Addresses with those of the cluster's first family first."""
        first = self.pod_cidrs[0].version
        return tuple(sorted(addresses, key=lambda one: ip_address(one).version != first))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """How a runtime reaches one registry."""

    host: str  # "10.90.0.1:5000"
    endpoints: tuple[str, ...]  # URLs tried in order
    insecure: bool = False  # plain http or unverified TLS, by the user's choice
    ca_file: str | None = None  # path on the node


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Where images come from."""

    repository: str = "registry.k8s.io"
    etcd_repository: str | None = None
    dns_repository: str | None = None
    dns_tag: str | None = None
    pause: str = ""  # full reference of the sandbox image
    mirrors: tuple[Mirror, ...] = ()


class RuntimeType(StrEnum):
    """Container runtimes that kbootstrap configures."""

    CONTAINERD = "containerd"
    CRIO = "cri-o"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The container runtime, and the user's settings merged over kbootstrap's."""

    type: RuntimeType = RuntimeType.CONTAINERD
    settings: Document = EMPTY

    @property
    def socket(self) -> str:
        """The CRI endpoint; always passed to kubeadm, which refuses to guess among several."""
        if self.type is RuntimeType.CRIO:
            return "unix:///var/run/crio/crio.sock"
        return "unix:///run/containerd/containerd.sock"

    @property
    def unit(self) -> str:
        """The systemd unit."""
        return "crio.service" if self.type is RuntimeType.CRIO else "containerd.service"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalEtcd:
    """An etcd cluster run by others; files are paths on the control planes."""

    endpoints: tuple[str, ...]
    ca_file: str
    cert_file: str
    key_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Etcd:
    """Local (stacked) etcd, unless `external` is set."""

    image_tag: str | None = None
    data_dir: str = "/var/lib/etcd"
    external: ExternalEtcd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """kubeadm's timeouts, in seconds."""

    control_plane: int = 240
    kubelet: int = 240
    api_call: int = 60
    etcd_call: int = 120
    tls_bootstrap: int = 300
    discovery: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubeadm:
    """What is passed through to kubeadm."""

    api_server_args: tuple[Arg, ...] = ()
    controller_manager_args: tuple[Arg, ...] = ()
    scheduler_args: tuple[Arg, ...] = ()
    etcd_args: tuple[Arg, ...] = ()
    feature_gates: tuple[tuple[str, bool], ...] = ()
    patches_dir: str | None = None  # a local directory, copied to the control planes
    skip_phases: tuple[str, ...] = ()
    ignore_preflight: tuple[str, ...] = ()
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Addons:
    """Which of kubeadm's addons are wanted."""

    dns: bool = True
    kube_proxy: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cni:
    """The pod network."""

    type: Literal["none", "manifest", "bridge"] = "none"
    manifests: tuple[str, ...] = ()  # files or URLs


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Where kubeadm, kubelet, kubectl, crictl and the CNI plugins come from."""

    source: SourceName = "release"
    base_url: str = "https://dl.k8s.io/release"  # release: {base}/{version}/bin/linux/{arch}/{name}
    folder: str | None = None  # holds {name} or {arch}/{name}
    crictl_url: str | None = None  # archives with a .sha256 beside them; None: not placed
    cni_plugins_url: str | None = None
    cni_plugins_folder: str | None = None
    bin_dir: str = "/usr/local/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraFile:
    """A file of the user, placed on nodes."""

    path: str
    content: str
    mode: int = 0o644
    owner: str = "root:root"
    on: frozenset[str] = frozenset()  # node names; empty: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Everything a plan may depend on; the first of ``control_planes`` runs ``kubeadm init``."""

    name: str
    version: Version
    nodes: tuple[Node, ...]
    api: Api
    network: Network
    images: Images
    runtime: Runtime = Runtime()
    etcd: Etcd = Etcd()
    kubeadm: Kubeadm = Kubeadm()
    kubelet: Document = EMPTY  # KubeletConfiguration fields over ours
    kube_proxy: Document = EMPTY  # KubeProxyConfiguration fields over ours
    addons: Addons = Addons()
    cni: Cni = Cni()
    programs: Programs = Programs()
    files: tuple[ExtraFile, ...] = ()
    token_ttl: int = 900  # seconds
    sha256: tuple[tuple[str, str], ...] = ()  # URL and checksum, pinned in the inventory
    pins: tuple[Pin, ...] | None = None  # of the pins file; None: there is no such file
    ca_hash: str = ""  # kubeadm's hash of the CA of a cluster that exists
    adopt: bool = False  # accept that cluster although no node has kbootstrap's record yet
    control_planes: tuple[Node, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = tuple(node for node in self.nodes if node.is_control_plane)
        object.__setattr__(self, "control_planes", found)

    @property
    def first(self) -> Node:
        """The node that runs ``kubeadm init``."""
        return self.control_planes[0]

    def server_url(self, node: Node) -> str:
        """The URL of the API server of a control plane."""
        return f"https://{node.url_host}:{self.api.bind_port}"

    def node(self, name: str) -> Node:
        """The node of that name.

        Raises:
            KeyError: there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

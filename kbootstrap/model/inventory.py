"""The inventory as the user writes it: every key with type, default and description.

The JSON Schema for editors and docs/inventory.md are generated from these classes. Only
`kbootstrap.model` reads them; `resolve` turns them into `kbootstrap.model.cluster`.
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from kbootstrap.model import fields as f
from kbootstrap.model.cluster import SourceName
from kbootstrap.model.settings import NodeEntry, Settings, Strict


class Section(Strict):
    """A mapping in which a key without a value counts as not written."""

    @model_validator(mode="before")
    @classmethod
    def _drop_null(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None}


class ClusterSection(Section):
    """What the cluster is called."""

    name: f.Name = Field(description="the cluster's name, also its context in kubeconfigs")
    ca_hash: f.CaHash | None = Field(
        default=None,
        description="kubeadm's hash of the CA of a cluster that exists; nodes with another CA are"
        " refused",
    )


class KubernetesSection(Section):
    """Which Kubernetes is installed."""

    version: f.KubernetesVersion = Field(
        description="an exact release; 1.31 to 1.37 in full, 1.27 to 1.30 rendered only"
    )


class ApiSection(Section):
    """Where clients find the API server."""

    endpoint: f.Endpoint | None = Field(
        default=None,
        description="host:port of a stable name or virtual address; needed for more than one"
        " control plane, now or later; default: the first control plane",
    )
    bind_port: f.Port = Field(default=6443, description="the port API servers listen on")
    cert_sans: tuple[f.CertSan, ...] = Field(
        default=(), description="further names and addresses in the API server's certificate"
    )


class NetworkSection(Section):
    """Address ranges. An IPv4 and an IPv6 one of each: dual stack, see `second_address`."""

    pod_cidr: f.Cidrs = Field(default=("10.244.0.0/16",), description="for pods; one range or two")
    service_cidr: f.Cidrs = Field(default=("10.96.0.0/12",), description="for services; one or two")
    dns_domain: f.DnsDomain = Field(default="cluster.local", description="the cluster's DNS domain")


class MirrorSection(Section):
    """How the runtime reaches one registry."""

    host: f.RegistryHost = Field(description="the registry as in image names, host[:port]")
    endpoints: tuple[f.HttpUrl, ...] = Field(
        default=(),
        description="URLs tried in order; default: https://HOST, or http://HOST if insecure",
    )
    insecure: bool = Field(
        default=False, description="allow plain http or an unverified certificate"
    )
    ca_file: f.NodePath | None = Field(
        default=None, description="CA of the registry's certificate, a path on the nodes"
    )


class RegistrySection(Section):
    """Where images come from."""

    image_repository: f.ImageRepository = Field(
        default="registry.k8s.io", description="repository of the Kubernetes images"
    )
    etcd: f.ImageRepository | None = Field(default=None, description="another repository for etcd")
    dns: f.ImageRepository | None = Field(
        default=None, description="another repository for CoreDNS"
    )
    dns_tag: f.ImageTag | None = Field(default=None, description="another tag for CoreDNS")
    pause: f.Image | None = Field(
        default=None, description="the sandbox image with its tag; default: the repository's own"
    )
    mirrors: tuple[MirrorSection, ...] = Field(
        default=(), description="mirrors and private registries"
    )


class RuntimeSection(Section):
    """The container runtime; it must be installed on the nodes."""

    type: Literal["containerd", "cri-o"] = Field(default="containerd", description="which one")
    settings: f.Free = Field(default={}, description="its own settings, merged over kbootstrap's")


class ExternalEtcdSection(Section):
    """An etcd cluster run by others; the files must be on the control planes."""

    endpoints: tuple[f.EtcdUrl, ...] = Field(description="https://host:port of its members")
    ca_file: f.NodePath = Field(description="its CA, a path on the control planes")
    cert_file: f.NodePath = Field(description="the client certificate, a path there")
    key_file: f.NodePath = Field(description="the client key, a path there")


class EtcdSection(Section):
    """Local etcd on every control plane, unless `external` is set."""

    image_tag: f.ImageTag | None = Field(default=None, description="another etcd release")
    data_dir: f.NodePath | None = Field(
        default=None, description="etcd's data directory; default /var/lib/etcd"
    )
    external: ExternalEtcdSection | None = Field(default=None, description="use this etcd instead")


class ExtraArgsSection(Section):
    """Command-line arguments of components, without leading dashes; a list repeats one."""

    api_server: f.Arguments = Field(default={}, description="of kube-apiserver")
    controller_manager: f.Arguments = Field(default={}, description="of kube-controller-manager")
    scheduler: f.Arguments = Field(default={}, description="of kube-scheduler")
    etcd: f.Arguments = Field(default={}, description="of local etcd")


class TimeoutsSection(Section):
    """How long kubeadm waits, such as 90s or 4m."""

    control_plane: f.Duration = Field(default="4m", description="for control plane components")
    kubelet: f.Duration = Field(default="4m", description="for the kubelet")
    api_call: f.Duration = Field(default="1m", description="for one call of the API")
    etcd_call: f.Duration = Field(default="2m", description="for one call of etcd")
    tls_bootstrap: f.Duration = Field(default="5m", description="for a kubelet's first certificate")
    discovery: f.Duration = Field(
        default="5m", description="for the cluster's description, when joining"
    )


class KubeadmSection(Section):
    """What is passed to kubeadm."""

    extra_args: ExtraArgsSection = Field(
        default=ExtraArgsSection(), description="arguments of control plane components"
    )
    feature_gates: dict[str, bool] = Field(default={}, description="kubeadm's own feature gates")
    patches: f.OperatorPath | None = Field(
        default=None,
        description="a local directory of patches for static pods, kubelet config and CoreDNS",
    )
    skip_phases: tuple[str, ...] = Field(default=(), description="phases of init and join to skip")
    ignore_preflight: tuple[str, ...] = Field(
        default=(), description="preflight checks to ignore on all nodes, by exact name"
    )
    timeouts: TimeoutsSection = Field(
        default=TimeoutsSection(), description="how long kubeadm waits"
    )


class AddonsSection(Section):
    """The addons kubeadm installs."""

    dns: bool = Field(default=True, description="CoreDNS")
    kube_proxy: bool = Field(default=True, description="kube-proxy")


class CniSection(Section):
    """The pod network."""

    type: Literal["none", "manifest", "bridge"] = Field(
        default="none",
        description="none: you install one; manifest: apply these manifests; bridge: built in,"
        " for a few nodes in one flat network",
    )
    manifests: tuple[f.Manifest, ...] = Field(
        default=(), description="local files or https URLs, for type manifest"
    )
    insecure: bool = Field(default=False, description="allow http URLs in `manifests`")
    sha256: f.Sums = Field(
        default={}, description="the sha256 that manifests must have, by URL; see programs.md"
    )


class ProgramsSection(Section):
    """Where kubeadm, kubelet, kubectl, crictl and the CNI plugins come from."""

    source: SourceName = Field(
        default="release",
        description="release: the official site or its mirror; folder: a local directory;"
        " preinstalled: they are on the nodes",
    )
    base_url: f.HttpUrl | None = Field(
        default=None, description="the release site or a mirror; default https://dl.k8s.io/release"
    )
    folder: f.SourceDirectory | None = Field(
        default=None,
        description="for folder: holds NAME or ARCH/NAME for each binary; `{version}` in it "
        "is replaced by the release, so that each has a directory of its own",
    )
    crictl_url: f.ArchiveUrl | None = Field(
        default=None, description="crictl's archive, its .sha256 beside it; default: not placed"
    )
    cni_plugins_url: f.ArchiveUrl | None = Field(
        default=None,
        description="the CNI plugins' archive, its .sha256 beside it; default: not placed",
    )
    cni_plugins_folder: f.OperatorPath | None = Field(
        default=None, description="or a local directory of CNI plugins"
    )
    bin_dir: f.BinaryDirectory = Field(
        default="/usr/local/bin", description="the directory of the binaries on the nodes"
    )
    insecure: bool = Field(default=False, description="allow http URLs in this section")
    sha256: f.Sums = Field(
        default={},
        description="the sha256 that downloads must have, by URL, instead of the published one",
    )


class FileSection(Section):
    """A file of your own on nodes."""

    path: f.NodePath = Field(
        description="its path on the nodes, below directories that only root can write to"
    )
    content: str | None = Field(default=None, description="its text; this or source")
    source: f.OperatorPath | None = Field(default=None, description="a local file; this or content")
    mode: f.Mode = Field(default="0644", description="four octal digits, in quotes")
    owner: f.Owner = Field(default="root:root", description="user:group, or a user with group root")
    nodes: tuple[str, ...] = Field(default=(), description="names of nodes; default: all")


class TokenSection(Section):
    """The tokens nodes join with; each is made for one join and deleted after it."""

    ttl: f.Duration = Field(default="15m", description="how long a token is valid; at most 15m")


class Inventory(Section):
    """The nodes of a Kubernetes cluster, and their settings."""

    cluster: ClusterSection = Field(description="what the cluster is called")
    kubernetes: KubernetesSection = Field(description="which Kubernetes is installed")
    defaults: Settings = Field(default=Settings(), description="settings of all nodes")
    groups: dict[f.GroupName, Settings] = Field(
        default={}, description="settings of the nodes that name the group; they win over defaults"
    )
    nodes: tuple[NodeEntry, ...] = Field(description="the nodes; their settings win")
    api: ApiSection = Field(default=ApiSection(), description="where clients find the API server")
    network: NetworkSection = Field(
        default=NetworkSection(), description="address ranges and DNS domain"
    )
    registry: RegistrySection = Field(
        default=RegistrySection(), description="where images come from"
    )
    runtime: RuntimeSection = Field(default=RuntimeSection(), description="the container runtime")
    etcd: EtcdSection = Field(default=EtcdSection(), description="local or external etcd")
    kubeadm: KubeadmSection = Field(
        default=KubeadmSection(), description="what is passed to kubeadm"
    )
    kubelet: f.Free = Field(
        default={}, description="KubeletConfiguration fields, merged over kbootstrap's"
    )
    kube_proxy: f.Free = Field(
        default={}, description="KubeProxyConfiguration fields, merged over kbootstrap's"
    )
    addons: AddonsSection = Field(default=AddonsSection(), description="CoreDNS and kube-proxy")
    cni: CniSection = Field(default=CniSection(), description="the pod network")
    programs: ProgramsSection = Field(
        default=ProgramsSection(), description="where the binaries come from"
    )
    files: tuple[FileSection, ...] = Field(default=(), description="files of your own on nodes")
    token: TokenSection = Field(default=TokenSection(), description="the tokens nodes join with")

"""Turns a valid inventory into a `Cluster`: defaults filled in, paths absolute, frozen.

Called by `kbootstrap.model.load` only, after all checks have passed.
"""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

from kbootstrap.model import cluster as c
from kbootstrap.model.document import Document
from kbootstrap.model.inventory import Inventory, MirrorSection
from kbootstrap.model.local_paths import is_url, local
from kbootstrap.model.merge import MergedNode
from kbootstrap.model.resolve_node import node
from kbootstrap.model.validators.net import join_host_port
from kbootstrap.model.validators.values import seconds
from kbootstrap.model.versions import Version


def resolve(inventory: Inventory, members: tuple[MergedNode, ...], folder: Path) -> c.Cluster:
    """The cluster that this inventory describes; relative paths start in its directory.

    Raises:
        OSError: a local file disappeared after the checks.
    """
    version = Version.parse(inventory.kubernetes.version)
    nodes = tuple(node(member, folder) for member in members)
    return c.Cluster(
        name=inventory.cluster.name,
        version=version,
        nodes=nodes,
        api=_api(inventory, nodes),
        network=_network(inventory),
        images=_images(inventory, version),
        runtime=c.Runtime(
            type=c.RuntimeType(inventory.runtime.type),
            settings=Document.of(inventory.runtime.settings),
        ),
        etcd=_etcd(inventory),
        kubeadm=_kubeadm(inventory, folder),
        kubelet=Document.of(inventory.kubelet),
        kube_proxy=Document.of(inventory.kube_proxy),
        addons=c.Addons(dns=inventory.addons.dns, kube_proxy=inventory.addons.kube_proxy),
        cni=_cni(inventory, folder),
        programs=_programs(inventory, folder),
        files=tuple(_files(inventory, folder)),
        token_ttl=seconds(inventory.token.ttl),
    )


def _api(inventory: Inventory, nodes: tuple[c.Node, ...]) -> c.Api:
    words = inventory.api
    first = next(node for node in nodes if node.is_control_plane)
    return c.Api(
        endpoint=words.endpoint or join_host_port(first.advertise_address, words.bind_port),
        bind_port=words.bind_port,
        cert_sans=words.cert_sans,
        stable=words.endpoint is not None,
    )


def _network(inventory: Inventory) -> c.Network:
    words = inventory.network
    return c.Network(
        pod_cidrs=tuple(map(ip_network, words.pod_cidr)),
        service_cidrs=tuple(map(ip_network, words.service_cidr)),
        dns_domain=words.dns_domain,
    )


def _images(inventory: Inventory, version: Version) -> c.Images:
    words = inventory.registry
    return c.Images(
        repository=words.image_repository,
        etcd_repository=words.etcd,
        dns_repository=words.dns,
        dns_tag=words.dns_tag,
        pause=words.pause or f"{words.image_repository}/pause:{version.pause_tag}",
        mirrors=tuple(map(_mirror, words.mirrors)),
    )


def _mirror(words: MirrorSection) -> c.Mirror:
    scheme = "http" if words.insecure else "https"
    return c.Mirror(
        host=words.host,
        endpoints=words.endpoints or (f"{scheme}://{words.host}",),
        insecure=words.insecure,
        ca_file=words.ca_file,
    )


def _etcd(inventory: Inventory) -> c.Etcd:
    words, external = inventory.etcd, inventory.etcd.external
    if external is None:
        return c.Etcd(
            image_tag=words.image_tag, data_dir=words.data_dir or c.Etcd().data_dir, external=None
        )
    return c.Etcd(
        external=c.ExternalEtcd(
            endpoints=external.endpoints,
            ca_file=external.ca_file,
            cert_file=external.cert_file,
            key_file=external.key_file,
        )
    )


def _kubeadm(inventory: Inventory, folder: Path) -> c.Kubeadm:
    words, args = inventory.kubeadm, inventory.kubeadm.extra_args
    return c.Kubeadm(
        api_server_args=_args(args.api_server),
        controller_manager_args=_args(args.controller_manager),
        scheduler_args=_args(args.scheduler),
        etcd_args=_args(args.etcd),
        feature_gates=tuple(sorted(words.feature_gates.items())),
        patches_dir=local(words.patches, folder) if words.patches else None,
        skip_phases=words.skip_phases,
        ignore_preflight=words.ignore_preflight,
        timeouts=c.Timeouts(
            control_plane=seconds(words.timeouts.control_plane),
            kubelet=seconds(words.timeouts.kubelet),
            api_call=seconds(words.timeouts.api_call),
            etcd_call=seconds(words.timeouts.etcd_call),
            tls_bootstrap=seconds(words.timeouts.tls_bootstrap),
            discovery=seconds(words.timeouts.discovery),
        ),
    )


def _args(words: dict[str, tuple[str, ...]]) -> tuple[c.Arg, ...]:
    return tuple(c.Arg(name, value) for name, values in sorted(words.items()) for value in values)


def _cni(inventory: Inventory, folder: Path) -> c.Cni:
    words = inventory.cni
    manifests = tuple(m if is_url(m) else local(m, folder) for m in words.manifests)
    return c.Cni(type=words.type, manifests=manifests)


def _programs(inventory: Inventory, folder: Path) -> c.Programs:
    words = inventory.programs
    plugins = words.cni_plugins_folder
    return c.Programs(
        source=words.source,
        base_url=words.base_url or c.Programs().base_url,
        folder=local(words.folder, folder) if words.folder else None,
        crictl_url=words.crictl_url,
        cni_plugins_url=words.cni_plugins_url,
        cni_plugins_folder=local(plugins, folder) if plugins else None,
        bin_dir=words.bin_dir,
    )


def _files(inventory: Inventory, folder: Path) -> Iterator[c.ExtraFile]:
    for words in inventory.files:
        content = words.content
        if content is None:
            content = Path(local(words.source or "", folder)).read_text(encoding="utf-8")
        yield c.ExtraFile(
            path=words.path,
            content=content,
            mode=int(words.mode, 8),
            owner=words.owner if ":" in words.owner else f"{words.owner}:root",
            on=frozenset(words.nodes),
        )

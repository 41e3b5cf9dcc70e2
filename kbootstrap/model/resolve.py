"""Turns a valid inventory into a `Cluster`: defaults filled in, paths absolute, frozen.

Called by `kbootstrap.model.load` only, after all checks have passed.
"""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

from kbootstrap import bounded_file
from kbootstrap.model import cluster as c
from kbootstrap.model.document import Document
from kbootstrap.model.inventory import Inventory, MirrorSection
from kbootstrap.model.local_paths import is_url, local
from kbootstrap.model.merge import MergedNode
from kbootstrap.model.resolve_node import node
from kbootstrap.model.validators.net import join_host_port
from kbootstrap.model.validators.values import seconds
from kbootstrap.model.versions import Version


def resolve(inventory: Inventory, members: tuple[MergedNode, ...], directory: Path) -> c.Cluster:
    """The cluster that this inventory describes; relative paths start in its directory.

    Raises:
        OSError: a local file disappeared after the checks.
    """
    version = Version.parse(inventory.kubernetes.version)
    nodes = tuple(node(member, directory) for member in members)
    return c.Cluster(
        name=inventory.cluster.name,
        ca_hash=inventory.cluster.ca_hash or "",
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
        kubeadm=_kubeadm(inventory, directory),
        kubelet=Document.of(inventory.kubelet),
        kube_proxy=Document.of(inventory.kube_proxy),
        addons=c.Addons(dns=inventory.addons.dns, kube_proxy=inventory.addons.kube_proxy),
        cni=_cni(inventory, directory),
        programs=_programs(inventory, directory),
        files=tuple(_files(inventory, directory)),
        token_ttl=seconds(inventory.token.ttl),
        sha256=tuple(sorted((inventory.programs.sha256 | inventory.cni.sha256).items())),
    )


def _api(inventory: Inventory, nodes: tuple[c.Node, ...]) -> c.Api:
    section = inventory.api
    first = next(node for node in nodes if node.is_control_plane)
    return c.Api(
        endpoint=section.endpoint or join_host_port(first.advertise_address, section.bind_port),
        bind_port=section.bind_port,
        cert_sans=section.cert_sans,
        stable=section.endpoint is not None,
    )


def _network(inventory: Inventory) -> c.Network:
    section = inventory.network
    return c.Network(
        pod_cidrs=tuple(map(ip_network, section.pod_cidr)),
        service_cidrs=tuple(map(ip_network, section.service_cidr)),
        dns_domain=section.dns_domain,
    )


def _images(inventory: Inventory, version: Version) -> c.Images:
    section = inventory.registry
    return c.Images(
        repository=section.image_repository,
        etcd_repository=section.etcd,
        dns_repository=section.dns,
        dns_tag=section.dns_tag,
        pause=section.pause or f"{section.image_repository}/pause:{version.pause_tag}",
        mirrors=tuple(map(_mirror, section.mirrors)),
    )


def _mirror(section: MirrorSection) -> c.Mirror:
    scheme = "http" if section.insecure else "https"
    return c.Mirror(
        host=section.host,
        endpoints=section.endpoints or (f"{scheme}://{section.host}",),
        insecure=section.insecure,
        ca_file=section.ca_file,
    )


def _etcd(inventory: Inventory) -> c.Etcd:
    section, external = inventory.etcd, inventory.etcd.external
    if external is None:
        return c.Etcd(
            image_tag=section.image_tag,
            data_dir=section.data_dir or c.Etcd().data_dir,
            external=None,
        )
    return c.Etcd(
        external=c.ExternalEtcd(
            endpoints=external.endpoints,
            ca_file=external.ca_file,
            cert_file=external.cert_file,
            key_file=external.key_file,
        )
    )


def _kubeadm(inventory: Inventory, directory: Path) -> c.Kubeadm:
    section, args = inventory.kubeadm, inventory.kubeadm.extra_args
    return c.Kubeadm(
        api_server_args=_args(args.api_server),
        controller_manager_args=_args(args.controller_manager),
        scheduler_args=_args(args.scheduler),
        etcd_args=_args(args.etcd),
        feature_gates=tuple(sorted(section.feature_gates.items())),
        patches_dir=local(section.patches, directory) if section.patches else None,
        skip_phases=section.skip_phases,
        ignore_preflight=section.ignore_preflight,
        timeouts=c.Timeouts(
            control_plane=seconds(section.timeouts.control_plane),
            kubelet=seconds(section.timeouts.kubelet),
            api_call=seconds(section.timeouts.api_call),
            etcd_call=seconds(section.timeouts.etcd_call),
            tls_bootstrap=seconds(section.timeouts.tls_bootstrap),
            discovery=seconds(section.timeouts.discovery),
        ),
    )


def _args(section: dict[str, tuple[str, ...]]) -> tuple[c.Arg, ...]:
    return tuple(c.Arg(name, value) for name, values in sorted(section.items()) for value in values)


def _cni(inventory: Inventory, directory: Path) -> c.Cni:
    section = inventory.cni
    manifests = tuple(m if is_url(m) else local(m, directory) for m in section.manifests)
    return c.Cni(type=section.type, manifests=manifests)


def _programs(inventory: Inventory, directory: Path) -> c.Programs:
    section = inventory.programs
    plugins = section.cni_plugins_folder
    return c.Programs(
        source=section.source,
        base_url=section.base_url or c.Programs().base_url,
        folder=local(section.folder, directory) if section.folder else None,
        crictl_url=section.crictl_url,
        cni_plugins_url=section.cni_plugins_url,
        cni_plugins_folder=local(plugins, directory) if plugins else None,
        bin_dir=section.bin_dir,
    )


def _files(inventory: Inventory, directory: Path) -> Iterator[c.ExtraFile]:
    for section in inventory.files:
        content = section.content
        if content is None:
            path = local(section.source or "", directory)
            content = bounded_file.text(path, bounded_file.MOST_BYTES)
        yield c.ExtraFile(
            path=section.path,
            content=content,
            mode=int(section.mode, 8),
            owner=section.owner if ":" in section.owner else f"{section.owner}:root",
            on=frozenset(section.nodes),
        )

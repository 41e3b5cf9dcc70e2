"""The releases that an upgrade goes through, and the reasons why it cannot be done."""

import dataclasses
from collections.abc import Iterator

from kbootstrap import codes
from kbootstrap.artifacts import source_of
from kbootstrap.components import API_SERVER
from kbootstrap.errors import RefusedError
from kbootstrap.model import skew
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.observed import Observed
from kbootstrap.model.versions import Version
from kbootstrap.options import RunOptions


def with_programs(cluster: Cluster, options: RunOptions) -> Cluster:
    """The cluster with the binaries of ``--programs``.

    Raises:
        RefusedError: KB425, there are no binaries to install.

    """
    if options.programs is not None:
        folder = str(options.programs.absolute())
        programs = dataclasses.replace(cluster.programs, source="folder", folder=folder)
        return dataclasses.replace(cluster, programs=programs)
    if not source_of(cluster).places:
        raise RefusedError(codes.PREINSTALLED, "programs.source is preinstalled")
    return cluster


def versions_of(observed: Observed) -> skew.Versions:
    """The versions that run now, from the API."""
    servers = {
        pod.node: version
        for pod in observed.static_pods
        if pod.component == API_SERVER and (version := skew.read(pod.version))
    }
    kubelets = {
        node.name: version
        for node in observed.nodes
        if (version := skew.read(node.kubelet_version))
    }
    return skew.Versions(servers, kubelets)


def chain(
    options: RunOptions,
    cluster: Cluster,
    nodes: tuple[Node, ...],
    observed: Observed,
    target: Version,
) -> tuple[Version, ...]:
    """The releases to stop at.

    Raises:
        RefusedError: KB421, KB422 or KB423, this upgrade is not possible.

    """
    now = versions_of(observed)
    if not now.servers:
        raise RefusedError(codes.SKEW, "the API shows no API server's version")
    wrong = [*skew.faults(now, target), *_too_far(nodes, now, target)]
    if wrong:
        raise RefusedError(
            codes.SKEW, f"cannot upgrade to {target}: {_first(wrong)}", detail=_all(wrong)
        )
    early = list(_ahead(cluster, nodes, observed, now, target))
    if early:
        raise RefusedError(codes.OUT_OF_ORDER, f"too early: {_first(early)}", detail=_all(early))
    via = skew.newest(map(Version.parse, options.via))
    held = {*via, *(server.minor for server in now.servers.values())}
    minors = [m for m in skew.minors(now, target)[:-1] if m not in held]
    known = dict(source_of(cluster).releases(minors)) | via
    found = skew.hops(now, target, known)
    for hop in found:
        if isinstance(hop, int):
            raise RefusedError(
                codes.VIA_NEEDED, f"which release of Kubernetes 1.{hop} to go through?"
            )
    return tuple(hop for hop in found if isinstance(hop, Version))


def refuse_left_behind(observed: Observed, names: tuple[str, ...], target: Version) -> None:
    """Check that the nodes that are left out may keep their kubelets.

    Raises:
        RefusedError: KB421, one would be too old for API servers of ``target``.

    """
    kubelets = {n: v for n, v in versions_of(observed).kubelets.items() if n in names}
    if wrong := list(skew.left_behind(kubelets, target)):
        message = f"cannot upgrade to {target} without it: {_first(wrong)}"
        raise RefusedError(codes.SKEW, message, detail=_all(wrong))


def _first(reasons: list[str]) -> str:
    return reasons[0] + (f", and {len(reasons) - 1} more" if len(reasons) > 1 else "")


def _all(reasons: list[str]) -> str:
    return "\n".join(reasons if len(reasons) > 1 else ())


def _too_far(nodes: tuple[Node, ...], now: skew.Versions, target: Version) -> Iterator[str]:
    """Kubelets that are not upgraded and would be too old afterwards."""
    names = {node.name for node in nodes}
    stay = {name: v for name, v in now.kubelets.items() if name not in names}
    yield from skew.left_behind(stay, target)


def _ahead(
    cluster: Cluster,
    nodes: tuple[Node, ...],
    observed: Observed,
    now: skew.Versions,
    target: Version,
) -> Iterator[str]:
    """Control planes that are not chosen but must be upgraded before the chosen nodes."""
    names = {node.name for node in nodes}
    stored = observed.kubeadm_config.data.get("kubernetesVersion", "")
    workers = any(not node.is_control_plane for node in nodes)
    for node in cluster.control_planes:
        server = now.servers.get(node.name)
        if node.name in names:
            continue
        if workers and server is not None and server < target:
            yield f"the API server on {node.name} is {server}"
        elif node == cluster.first and stored != str(target):
            yield f"{node.name}, the first control plane, changes the cluster's configuration"

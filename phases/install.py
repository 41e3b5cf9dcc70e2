"""The phases of `up` after `identity`, in order, and what all of them leave on a node.

`identity` records what is on a node before any of them runs, and `reset` removes what they
left, so both read `leftovers`: a new phase is named in `phases` and nowhere else.
"""

from kbootstrap.engine.leftovers import Leftovers, combined
from kbootstrap.engine.phase import AnyPhase
from kbootstrap.model.cluster import Cluster, Node
from phases import (
    addons,
    cleanup,
    cluster_config,
    cni_bridge,
    cni_manifest,
    control_plane,
    control_plane_config,
    endpoint,
    endpoint_files,
    files,
    fitness,
    host,
    images,
    init,
    join,
    kube_proxy,
    kubeadm_config,
    kubeconfig,
    kubelet,
    kubelet_config,
    labels,
    member,
    programs,
    ready,
    record,
    runtime,
)


def phases(cluster: Cluster) -> tuple[AnyPhase, ...]:
    """In the order in which a node goes through them."""
    del cluster
    return (
        fitness.PHASE,
        host.PHASE,
        files.PHASE,
        runtime.PHASE,
        programs.PHASE,
        kubelet.PHASE,
        kubeadm_config.PHASE,
        images.PHASE,
        init.PHASE,
        addons.PHASE,
        control_plane.PHASE,
        endpoint.PHASE,
        endpoint_files.PHASE,
        control_plane_config.PHASE,
        cluster_config.PHASE,
        kube_proxy.PHASE,
        kubeconfig.PHASE,
        cni_manifest.PHASE,
        join.CONTROL_PLANE,
        join.WORKER,
        record.PHASE,
        cni_bridge.PHASE,
        labels.PHASE,
        kubelet_config.PHASE,
        ready.PHASE,
        cleanup.PHASE,
        member.PHASE,
    )


def leftovers(cluster: Cluster, node: Node) -> Leftovers:
    """All that the phases may have left on a node, whatever the inventory says now."""
    return combined(phase.leaves(cluster, node) for phase in phases(cluster))

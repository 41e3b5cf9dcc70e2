"""Which phases a command runs, and in which order, as functions of the cluster.

A phase that is for some inventories only stays in its list and says so by `Phase.on`, so that
`reset` still removes what it left after the inventory was changed.
"""

from dataclasses import replace

from kbootstrap.engine.phase import AnyPhase
from kbootstrap.model.cluster import Cluster
from phases import (
    ca_rotation_ends,
    ca_rotation_planes,
    ca_rotation_workers,
    certificates,
    certs_renew,
    certs_worker,
    cleanup,
    control_plane_repair,
    identity,
    install,
    kubeadm_config,
    kubeconfig,
    ready,
    reset_clean,
    reset_etcd,
    upgrade_prepare,
    upgrade_repair,
)
from phases.etcd_restore import READY, RESTORE, START, STOP
from phases.etcd_snapshot import copy, take
from phases.reset import DRAIN, LEAVE, MEMBER, NODE_OBJECT
from phases.upgrade import CONTROL_PLANE, WORKER

Phases = tuple[AnyPhase, ...]


def up(cluster: Cluster) -> Phases:
    """Make the cluster, or what is missing of it; a join runs the same on its nodes."""
    return (identity.PHASE, *install.phases(cluster))


def reset(cluster: Cluster) -> Phases:
    """Take nodes out of a cluster that stays."""
    del cluster
    return (DRAIN, MEMBER, LEAVE, NODE_OBJECT, reset_clean.CLEAN)


def leave_for_another(cluster: Cluster) -> Phases:
    """Take a node out whose name another host gets, or the same one reinstalled.

    The Node object goes last: while it exists, an interrupted run takes the node out again. The
    inventory may name another role than the node has, so that each may have a member of etcd.
    """
    del cluster
    member = replace(MEMBER, on=lambda cluster, _: cluster.etcd.external is None)
    return (DRAIN, member, LEAVE, reset_clean.CLEAN, NODE_OBJECT)


def reset_unreachable(cluster: Cluster) -> Phases:
    """Take nodes out that are gone, so they are not contacted."""
    del cluster
    return (MEMBER, NODE_OBJECT)


def reset_all(cluster: Cluster) -> Phases:
    """Take the whole cluster down, or clean nodes of one that is gone: without the API."""
    del cluster
    return (LEAVE, reset_etcd.PHASE, reset_clean.CLEAN)


def upgrade(cluster: Cluster) -> Phases:
    """One hop to ``cluster.version``; writes kubeadm's configuration as `up` wants it."""
    del cluster
    return (
        upgrade_prepare.PHASE,
        kubeadm_config.PHASE,
        upgrade_prepare.IMAGES,
        CONTROL_PLANE,
        WORKER,
    )


def etcd_snapshot(cluster: Cluster) -> Phases:
    """Take a snapshot of etcd and copy it; the command chooses the label and the nodes."""
    del cluster
    return (take("manual"), copy("manual"))


def etcd_restore(cluster: Cluster) -> Phases:
    """Put etcd back to a snapshot on each control plane."""
    del cluster
    return (STOP, RESTORE, START, READY)


def renew_certs(cluster: Cluster) -> Phases:
    """Renew certificates: control planes one by one, then kubelets whose own has expired."""
    del cluster
    return (certs_renew.PHASE, certs_renew.READY, certs_worker.PHASE, kubeconfig.RENEWED)


def rotate_ca(cluster: Cluster) -> Phases:
    """Replace the CAs: trust both everywhere, sign with the new ones, drop the old ones."""
    del cluster
    ends, planes, workers = ca_rotation_ends, ca_rotation_planes, ca_rotation_workers
    return (
        ends.NEXT,
        planes.TRUST,
        workers.TRUST,
        ends.PODS,
        ends.WORKLOADS,
        ends.KUBECONFIG,
        planes.SIGN,
        workers.SIGN,
        workers.DROP,
        planes.DROP,
        ends.END,
        ends.CLEAN,
        cleanup.PHASE,
        ends.NEW_KUBECONFIG,
        ready.PHASE,
    )


def every_phase(cluster: Cluster) -> Phases:
    """The phases of all commands, for documents and tests."""
    return (
        *up(cluster),
        *reset(cluster),
        reset_etcd.PHASE,
        certificates.PHASE,
        upgrade_repair.PHASE,
        control_plane_repair.PHASE,
        *upgrade(cluster),
        *etcd_snapshot(cluster),
        *etcd_restore(cluster),
        *renew_certs(cluster),
        *rotate_ca(cluster),
    )

"""Compares the API's objects of the whole cluster with the inventory."""

from collections.abc import Iterator

from kbootstrap.drift import stored
from kbootstrap.drift.configuration import differing
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.difference import Difference
from kbootstrap.model.observed import Observed


def of_cluster(cluster: Cluster, api: Observed) -> Iterator[Difference]:
    """Differences of the whole cluster; none before it exists."""
    if not api.kubeadm_config:
        return
    for _, applied, difference in differing(cluster, api.kubeadm_config.data):
        if not applied:
            yield difference
    yield from stored.of_others(stored.KUBELET, cluster, api)
    if cluster.addons.kube_proxy:
        yield from stored.of_others(stored.KUBE_PROXY, cluster, api)
    yield from _strangers(cluster, api)


def unapplied(cluster: Cluster, api: Observed) -> Iterator[Difference]:
    """What phase control-plane-config stores once the control planes have changed."""
    for _, applied, difference in differing(cluster, api.kubeadm_config.data):
        if applied:
            yield difference


def _strangers(cluster: Cluster, api: Observed) -> Iterator[Difference]:
    """Nodes of the cluster that are not in the inventory, neither by name nor by address."""
    names = {node.name for node in cluster.nodes}
    addresses = {node.advertise_address for node in cluster.nodes}
    for node in api.nodes:
        if node.name not in names and node.address not in addresses:
            yield Difference(
                key=f"nodes.{node.name}",
                live=f"node {node.name} ({node.address or 'no address'})",
                wanted="no such node",
                message=f"node {node.name} ({node.address or 'no address'}) is in the cluster,"
                " but not in the inventory",
                remedy=f"add it to the inventory again; to remove it from the cluster,"
                f" run `kbootstrap reset {node.name}` before its lines are removed",
            )

"""Checks that each node of a dual-stack cluster has an address of both families.

Part of `identity`. Without the second address, Services and host-network pods of the second
family do not work on the node.
"""

from collections.abc import Iterator

from kbootstrap import codes
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node


def asks(cluster: Cluster, node: Node) -> bool:
    """Whether the node needs a second address; not if the user sets the kubelet's node-ip."""
    return cluster.network.dual_stack and all(arg.name != "node-ip" for arg in node.kubelet_args)


def check(cluster: Cluster, node: Node, addresses: tuple[str, ...]) -> Iterator[Finding]:
    """``addresses``: those with global scope on the node, of both families."""
    if not asks(cluster, node) or (node.second_address and node.second_address in addresses):
        return
    if node.second_address:
        message = f"the node does not have its second_address {node.second_address}"
    else:
        message = "the node has no second_address in the inventory"
    found = ", ".join(addresses) or "none"
    yield Finding(codes.NO_SECOND_ADDRESS, message, detail=f"its addresses: {found}")

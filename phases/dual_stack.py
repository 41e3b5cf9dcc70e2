"""In a dual-stack cluster each node announces an address of either family; part of `identity`.

Without the second one its Node has one InternalIP, and services and host-network pods of the
second family do not work there.
"""

from collections.abc import Iterator

from kbootstrap import codes
from kbootstrap.errors import KbError, PhaseError
from kbootstrap.model.cluster import Cluster, Node


def asks(cluster: Cluster, node: Node) -> bool:
    """Whether the node needs a second address; not if the user says what its kubelet announces."""
    return cluster.network.dual_stack and all(arg.name != "node-ip" for arg in node.kubelet_args)


def check(cluster: Cluster, node: Node, addresses: tuple[str, ...]) -> Iterator[KbError]:
    """``addresses``: those with global scope on the node, of both families."""
    if not asks(cluster, node) or (node.second_address and node.second_address in addresses):
        return
    if node.second_address:
        message = f"it does not have its second_address {node.second_address}"
    else:
        message = "the inventory gives it no second_address"
    found = ", ".join(addresses) or "none"
    yield PhaseError(codes.NO_SECOND_ADDRESS, message, detail=f"its addresses: {found}")

"""Compares the live cluster with the inventory; pure.

`of_cluster` compares the API's objects of the whole cluster, `of_node` those of one node. Facts of
the node itself are compared by its phases (`Phase.drift`).
"""

from kbootstrap.drift.cluster import of_cluster
from kbootstrap.drift.documents import settings
from kbootstrap.drift.kubelet import config_of, flags_of
from kbootstrap.drift.node import of_node, other_role, serving

__all__ = [
    "config_of",
    "flags_of",
    "of_cluster",
    "of_node",
    "other_role",
    "serving",
    "settings",
]

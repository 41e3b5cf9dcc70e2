"""Compares the live cluster with the inventory; pure.

`of_cluster` compares the API's objects of the whole cluster, `of_node` those of one node. Facts of
the node itself are compared by its phases (`Phase.drift`); what phase control-plane changes is
compared by `change` and `san_change`.
"""

from kbootstrap.drift.cluster import of_cluster, unapplied
from kbootstrap.drift.components import Running, change, components, left_name, san_change
from kbootstrap.drift.configuration import desired
from kbootstrap.drift.documents import settings
from kbootstrap.drift.kubelet import config_of, flags_of
from kbootstrap.drift.node import of_node, other_role, serving

__all__ = [
    "Running",
    "change",
    "components",
    "config_of",
    "desired",
    "flags_of",
    "left_name",
    "of_cluster",
    "of_node",
    "other_role",
    "san_change",
    "serving",
    "settings",
    "unapplied",
]

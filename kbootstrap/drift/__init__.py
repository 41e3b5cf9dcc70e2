"""Where the live cluster differs from the inventory; pure.

`of_cluster` compares what the API holds for the whole cluster, `of_node` what it holds for one
node. What only the node itself can show is compared by its phases (`Phase.drift`).
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

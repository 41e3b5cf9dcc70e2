"""A cluster without an inventory, for commands and documents that only list phases."""

from kbootstrap.model.cluster import Api, Cluster, Images, Network
from kbootstrap.model.versions import NEWEST_MINOR, Version


def example() -> Cluster:
    """The defaults of an inventory, and no nodes."""
    return Cluster(
        name="example",
        version=Version(1, NEWEST_MINOR, 0),
        nodes=(),
        api=Api(endpoint=""),
        network=Network(pod_cidrs=(), service_cidrs=()),
        images=Images(),
    )

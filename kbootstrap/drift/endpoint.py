"""Finds the endpoints of the API that a cluster has left, and still may name somewhere; pure.

The ConfigMap kbootstrap-last-applied records each of them, so that a node that was off during a
move is changed later, and a move that was interrupted, or is turned back, continues.
"""

from kbootstrap.model.cluster import Cluster
from kbootstrap.model.document import Document
from kbootstrap.model.observed import Observed

RECORD = "api"  # the entry in the ConfigMap
RESTARTS = "kube-proxy-endpoint"  # an entry that is there until the pods of kube-proxy restarted


def recorded(api: Observed) -> frozenset[str]:
    """The endpoints on record, as ``host:port``."""
    held = api.last_applied.data.get(RECORD, {}).get("endpoints")
    return frozenset(map(str, held)) if isinstance(held, list) else frozenset()


def stored(api: Observed) -> str:
    """The endpoint that kubeadm has stored; empty if none."""
    return str(api.kubeadm_config.data.get("controlPlaneEndpoint") or "")


def left(cluster: Cluster, api: Observed) -> tuple[str, ...]:
    """Every endpoint that the cluster has, or had, beside that of the inventory."""
    known = {*recorded(api), stored(api), api.cluster_info}
    return tuple(sorted(known - {"", cluster.api.endpoint}))


def restarting(api: Observed) -> bool:
    """Whether pods of kube-proxy may still run with another endpoint than its ConfigMap has."""
    return RESTARTS in api.last_applied.data


def with_record(api: Observed, endpoints: tuple[str, ...]) -> Document:
    """The record with these endpoints."""
    return Document.of(api.last_applied.data | {RECORD: {"endpoints": list(endpoints)}})


def host(endpoint: str) -> str:
    """The host of ``host:port``, without the brackets of an IPv6 address."""
    return endpoint.rpartition(":")[0].strip("[]")

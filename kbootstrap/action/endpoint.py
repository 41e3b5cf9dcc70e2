"""Changes of what names the endpoint of the API in the cluster."""

from dataclasses import dataclass

from kbootstrap.action.api import ApiAction


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEndpoints(ApiAction):
    """Record every endpoint that the cluster has left, in the ConfigMap kbootstrap-last-applied."""

    endpoints: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"record the endpoints that the cluster leaves: {', '.join(self.endpoints)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClusterInfo(ApiAction):
    """Name an endpoint in kube-public/cluster-info; kubeadm join takes it from there."""

    endpoint: str

    @property
    def text(self) -> str:
        return f"name {self.endpoint} in the ConfigMap kube-public/cluster-info"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProxyEndpoint(ApiAction):
    """Name an endpoint in the kubeconfig of kube-proxy, and wait until new pods use it.

    Attributes:
        endpoint: as ``host:port``.
        seconds: for the pods to be replaced, one after the other.

    """

    endpoint: str
    seconds: int

    @property
    def text(self) -> str:
        return f"name {self.endpoint} in the ConfigMap kube-proxy, and restart its pods"

"""Requests to the Kubernetes API, for `KubeReader`, `KubeWriter`, drains and the lock.

All requests of a run to an API server go through a `KubeApi`, except those of the probes.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kbootstrap.errors import PhaseError
from kbootstrap.remote.kubehttp import NOT_FOUND, PATIENT, ApiError, KubeHttp, Limits
from kbootstrap.remote.kubekinds import LOGS, Kind

if TYPE_CHECKING:
    from kbootstrap.remote.kubeclient import KubeClient, Name

FIELD_MANAGER = "kbootstrap"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
_OK = 200
Object = dict[str, Any]


class KubeApi:
    """The API server that ``http`` reaches.

    Methods raise ApiError if the server refuses, and PhaseError, KB330, if it does not answer.

    Attributes:
        http: the transport.

    """

    def __init__(self, http: KubeHttp, limits: Limits = PATIENT) -> None:
        self.http, self._limits = http, limits

    def once(self, seconds: float | None = None) -> "KubeApi":
        """The same API with one attempt for each request, of at most ``seconds``."""
        return KubeApi(self.http, Limits(patient=False, seconds=seconds))

    def get(self, kind: Kind, name: str, namespace: str = "", *, metadata: bool = False) -> Object:
        """One object; with ``metadata`` only its metadata."""
        headers = _accept("PartialObjectMetadata" if metadata else "")
        return self._call("get", kind, name=name, namespace=namespace, header_params=headers)

    def find(
        self, kind: Kind, name: str, namespace: str = "", *, metadata: bool = False
    ) -> Object | None:
        """As `get`; None if it does not exist."""
        try:
            return self.get(kind, name, namespace, metadata=metadata)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def items(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        metadata: bool = False,
    ) -> list[Object]:
        """The objects that both selectors select, without apiVersion and kind."""
        found = self._call(
            "get",
            kind,
            namespace=namespace,
            label_selector=labels or None,
            field_selector=fields or None,
            header_params=_accept("PartialObjectMetadataList" if metadata else ""),
        )
        return list(found.get("items") or [])

    def create(self, kind: Kind, body: Object, name: str = "") -> Object:
        """Create an object; of a subresource, ``name`` is its object."""
        return self._call("create", kind, name=name, namespace=kind.namespace_of(body), body=body)

    def replace(self, kind: Kind, body: Object) -> Object:
        """Replace an object, of the same resourceVersion if ``body`` has one."""
        name, namespace = body["metadata"]["name"], kind.namespace_of(body)
        return self._call("replace", kind, name=name, namespace=namespace, body=body)

    def patch(
        self, kind: Kind, name: str, body: Object, namespace: str = "", *, how: str = MERGE
    ) -> Object:
        """Change an object; ``how`` is the media type of the patch."""
        return self._call(
            "patch", kind, name=name, namespace=namespace, body=body, content_type=how
        )

    def apply(self, kind: Kind, body: Object) -> Object:
        """Apply an object server-side; fields of other managers are taken over."""
        return self._call(
            "server_side_apply",
            kind,
            name=body["metadata"]["name"],
            namespace=kind.namespace_of(body),
            body=body,
            field_manager=FIELD_MANAGER,
            force_conflicts=True,
        )

    def delete(
        self, kind: Kind, name: str, namespace: str = "", options: Object | None = None
    ) -> None:
        """Delete an object; ``options`` are DeleteOptions."""
        self._call("delete", kind, name=name, namespace=namespace, body=options)

    def remove(self, kind: Kind, name: str, namespace: str = "") -> None:
        """Delete an object, if it is still there."""
        try:
            self.delete(kind, name, namespace)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise

    def log(self, name: str, namespace: str, **query: Any) -> Any:
        """The log of a container of a pod: text, or data if the text is JSON."""
        options = list(query.items())
        return self._client.call("get", LOGS, name=name, namespace=namespace, query_params=options)

    def ready(self) -> bool:
        """Whether its /readyz says so; one attempt."""
        try:
            return bool(self.once()._client.get("/readyz") == "ok")  # noqa: SLF001 - of its own class
        except (ApiError, PhaseError):
            return False

    def kinds(self, names: "Iterable[Name]") -> "dict[Name, Kind]":
        """The served ones of these pairs of apiVersion and kind, see `KubeClient.kinds`."""
        return self._client.kinds(names)

    @cached_property
    def _client(self) -> "KubeClient":
        from kbootstrap.remote.kubeclient import KubeClient  # noqa: PLC0415 - slow to import

        return KubeClient(self.http, self._limits)

    def _call(self, verb: str, kind: Kind, **arguments: Any) -> Object:
        found = self._client.call(verb, kind, **arguments)
        if not isinstance(found, dict):
            raise ApiError(_OK, f"the response to {verb} {kind.plural} is no API object")
        return found


def _accept(metadata_as: str) -> dict[str, str]:
    """The header for a metadata-only response, which a server need not support.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
    """
    partial = f"application/json;as={metadata_as};g=meta.k8s.io;v=v1"
    return {"Accept": f"{partial},application/json"} if metadata_as else {}

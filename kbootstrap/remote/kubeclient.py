"""The only door to the `kubernetes` library: its dynamic client, over our tunnel.

`KubeApi` imports this module at the first request, since the library is slow to import. The
library makes paths, queries and bodies; `KubeHttp` sends them, retries, and raises the errors.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kubernetes import dynamic
from kubernetes.client import ApiClient, Configuration

from kbootstrap import __version__
from kbootstrap.remote.https import Request
from kbootstrap.remote.kubehttp import NOT_FOUND, ApiError, KubeHttp, Limits, decoded
from kbootstrap.remote.kubekinds import Kind

_NAME = ":"  # not quoted in names, such as that of the ClusterRole system:node
library: Any = dynamic  # without types
Name = tuple[str, str]  # apiVersion and kind


class KubeClient:
    """The dynamic client for the API server that ``http`` reaches.

    Args:
        http: the transport; its target may change at any time.
        limits: of every request.

    """

    def __init__(self, http: KubeHttp, limits: Limits) -> None:
        client: Any = ApiClient(Configuration(host=""))
        client.rest_client = _Transport(http, limits)
        client.user_agent = f"kbootstrap/{__version__}"
        self._dynamic = library.DynamicClient(client, discoverer=_Discovery)

    def call(
        self, verb: str, kind: Kind, *, name: str = "", namespace: str = "", **more: Any
    ) -> Any:
        """Call a method of `DynamicClient` for one object, or for all objects of a kind.

        Returns:
            The response as data; text if it is not JSON.

        Raises:
            ApiError: the server refused.
            PhaseError: KB330, it does not answer.

        """
        resource = self._resource(kind)
        if kind.sub:
            resource = resource.subresources[kind.sub]
        if name:
            more["name"] = quote(name, safe=_NAME)
        if namespace:
            more["namespace"] = quote(namespace)
        return _data(getattr(resource, verb)(serialize=False, **more))

    def get(self, path: str) -> Any:
        """The response to a GET of a path that is no object; otherwise as `call`."""
        return _data(self._dynamic.request("get", path, serialize=False))

    def kinds(self, names: Iterable[Name]) -> dict[Name, Kind]:
        """Those of ``names`` that the server serves, from discovery.

        A group version is read once, and again at a call with a kind that it did not have, which a
        CustomResourceDefinition may have added.
        """
        found: dict[Name, Kind] = self._dynamic.resources.kinds(set(names))
        return found

    def _resource(self, kind: Kind) -> Any:
        sub = {"kind": kind.kind, "name": f"{kind.plural}/{kind.sub}", "namespaced": True}
        prefix, group, version = _parts(kind.api_version)
        return library.Resource(
            prefix=prefix,
            group=group,
            api_version=version,
            kind=kind.kind,
            name=kind.plural,
            namespaced=kind.namespaced,
            subresources={kind.sub: sub} if kind.sub else {},
            client=self._dynamic,
        )


class _Discovery:
    """Reads a group version when one of its kinds is needed; `DynamicClient.resources`.

    The library's own discoverers store what they read in a file in /tmp whose name others can
    predict, read /version and /apis first, and read all of it again for a kind that is not served.
    """

    def __init__(self, client: Any, cache_file: None) -> None:
        del cache_file
        self._client = client
        self._served: dict[str, dict[str, Kind]] = {}

    def kinds(self, names: set[Name]) -> dict[Name, Kind]:
        """As `KubeClient.kinds`."""
        for version in {v for v, kind in names if kind not in self._served.get(v, {})}:
            self._served[version] = self._read(version)
        found = {(v, kind): self._served[v].get(kind) for v, kind in names}
        return {name: kind for name, kind in found.items() if kind}

    def _read(self, api_version: str) -> dict[str, Kind]:
        path = f"/{_parts(api_version)[0]}/{api_version}"
        try:
            document = _data(self._client.request("get", path, serialize=False))
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            return {}
        return {
            one["kind"]: Kind(api_version, one["kind"], one["name"], namespaced=one["namespaced"])
            for one in document["resources"]
            if "/" not in one["name"]
        }


@dataclass(frozen=True, slots=True)
class _Response:
    """What the library reads of a response; `KubeHttp` has raised those with an error status."""

    data: bytes
    status: int = 200

    @property
    def response(self) -> "_Response":
        """Where the library looks for ``data``."""
        return self


class _Transport:
    """Takes the place of the library's HTTP client."""

    def __init__(self, http: KubeHttp, limits: Limits) -> None:
        self._http, self._limits = http, limits

    def request(
        self, method: str, url: str, headers: dict[str, str], body: Any, **_: object
    ) -> _Response:
        """Send one request; ``url`` has no host, since the target may change."""
        content = None if body is None else json.dumps(body)
        return _Response(self._http.read(Request(method, url, content, headers), self._limits))


def _parts(api_version: str) -> tuple[str, str, str]:
    """Prefix of the path, group and version."""
    group, _, version = api_version.rpartition("/")
    return "apis" if group else "api", group, version


def _data(response: _Response) -> Any:
    """As data, in place of the library's objects, in which a missing field is None."""
    return decoded(response.data)

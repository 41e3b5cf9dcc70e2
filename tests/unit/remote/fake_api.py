"""The client of the API over a fake server, so that tests see the paths that it requests."""

import json
from typing import Any, cast

from kbootstrap.remote.https import Request
from kbootstrap.remote.kubeapi import KubeApi
from kbootstrap.remote.kubehttp import KubeHttp, Limits


class FakeHttp:
    """As `KubeHttp`.

    Args:
        server: has ``request(method, path, body, patient=, seconds=)``, which returns data or
            raises, and what else of `KubeHttp` is used, such as ``now``.

    """

    def __init__(self, server: Any) -> None:
        self._server = server
        self.requests: list[Request] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def read(self, request: Request, limits: Limits) -> bytes:
        """As `KubeHttp.read`."""
        self.requests.append(request)
        body = None if request.body is None else json.loads(request.body)
        how = {"patient": limits.patient, "seconds": limits.seconds}
        answer = self._server.request(request.method, request.path, body, **how)
        text = answer if isinstance(answer, str) else json.dumps(answer or {})
        return text.encode(errors="surrogatepass")  # a server may send any bytes


def http_over(server: Any) -> KubeHttp:
    """The transport."""
    return cast("KubeHttp", FakeHttp(server))


def api_over(server: Any) -> KubeApi:
    """The client."""
    return KubeApi(http_over(server))

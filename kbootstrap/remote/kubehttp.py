"""HTTPS to API servers and etcd with the `kubernetes` client, over an SSH tunnel.

Private keys are never written to the workstation's disk: TLS reads them from an anonymous file.
Only this module imports `kubernetes`.
"""

import json
import os
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from kbootstrap.errors import PhaseError
from kbootstrap.remote.credentials import Credentials, admin_credentials
from kbootstrap.secret import Secret
from kbootstrap.wait import retry

TRANSIENT_SECONDS = 60
REQUEST_SECONDS = 20
_FIRST_ERROR = 400  # HTTP statuses from here on are errors
_REFUSALS = frozenset({401, 403})
_TRANSIENT_STATUS = frozenset({429, 500, 502, 503, 504})


class ApiError(Exception):
    """The server answered with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.starting = False

    @property
    def passes(self) -> bool:
        """Whether it is transient: a busy or starting server, an etcd that elects a leader."""
        return self.starting or self.status in _TRANSIENT_STATUS


class Target:
    """A server, and the client for it, which is made at its first use."""

    def __init__(self, base: str, login: Credentials) -> None:
        self.base, self.login = base, login
        self._lock = threading.Lock()
        self._client: Any = None

    def client(self) -> Any:
        """The client with the connections to this server."""
        with self._lock:
            if self._client is None:
                self._client = _rest_client(_context(self.login), self.login.server_name)
            return self._client


class TlsHttp:
    """Requests to one server.

    Attributes:
        target: the server; it may be replaced by another one.

    Args:
        login: client certificate and CA.
        host: of the tunnel's local end.
        port: of the tunnel's local end.

    """

    def __init__(self, login: Credentials, host: str, port: int) -> None:
        self.target = Target(f"https://{host}:{port}", login)
        self.requests = 0
        self._given_up = False
        self._elsewhere: Callable[[Target], bool] = _nowhere
        self._ahead = 0.0  # seconds by which the server's clock is ahead of the local one

    def give_up(self) -> None:
        """Stop all retries, because this run closed the tunnel."""
        self._given_up = True

    def on_failure(self, elsewhere: Callable[[Target], bool]) -> None:
        """Call ``elsewhere`` if a server does not answer or is not healthy.

        It gets the server and returns whether requests now go to another one; the failed request
        is then repeated there, once.
        """
        self._elsewhere = elsewhere

    def _passes(self, error: BaseException) -> bool:
        return not self._given_up and _passes(error)

    def now(self) -> float:
        """The server's clock, from its last answer, to a second; seconds since 1970."""
        return time.time() + self._ahead

    @property
    def ca_pem(self) -> str:
        """The trusted CA."""
        return self.target.login.ca_pem

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        patient: bool = True,
        seconds: float | None = None,
    ) -> Any:
        """The decoded answer; text for paths without JSON.

        ``patient`` retries transient errors: a server that restarts, an etcd that elects a leader,
        an API server that has just started and has no roles yet.

        Raises:
            ApiError: the server refused; the caller handles 404 and 409.
            PhaseError: KB330 of an API server, KB360 of etcd: it does not answer, or its transient
                errors do not end.

        """
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        limit = REQUEST_SECONDS if seconds is None else seconds

        once = partial(self._once, method, path, body, headers, limit)
        down = self.target.login.down
        try:
            return retry(
                lambda: self._here_or_elsewhere(once),
                TRANSIENT_SECONDS if patient else 0,
                self._passes,
            )
        except ApiError as error:
            if patient and self._passes(error):
                raise PhaseError(down, f"it did not recover: {error}") from error
            raise
        except OSError as error:
            raise PhaseError(down, f"no answer: {error}") from error

    def _here_or_elsewhere(self, once: Callable[[], Any]) -> Any:
        target = self.target
        try:
            return once()
        except (ApiError, OSError) as error:
            if not self._passes(error) or not self._elsewhere(target):
                raise
        return once()

    def _once(
        self, method: str, path: str, body: Any, headers: Mapping[str, str], seconds: float
    ) -> Any:
        import urllib3  # noqa: PLC0415 - slow to import; most commands need no API
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415

        target = self.target
        client = target.client()
        self.requests += 1
        try:
            answer = client.request(
                method,
                target.base + path,
                headers=dict(headers),
                body=body,
                _request_timeout=seconds,
            )
            text = answer.data if answer.data is not None else answer.read()
        except (urllib3.exceptions.HTTPError, ApiException) as error:
            # The client wraps TLS failures, also a closed connection, in its own error.
            raise ConnectionError(str(error)) from error
        if said := answer.getheader("Date"):
            self._ahead = parsedate_to_datetime(said).timestamp() - time.time()
        if answer.status >= _FIRST_ERROR:
            raise ApiError(answer.status, _message(text))
        return _decode(text)


class KubeHttp(TlsHttp):
    """Requests to one API server, as the admin of a kubeconfig with embedded certificates."""

    def __init__(self, kubeconfig: Secret, host: str, port: int) -> None:
        login = admin_credentials(kubeconfig)
        super().__init__(login, host, port)
        self._anybody = TlsHttp(replace(login, pair=None), host, port)

    def _once(
        self, method: str, path: str, body: Any, headers: Mapping[str, str], seconds: float
    ) -> Any:
        """Retry 401 and 403 of a starting server, whose roles do not exist yet."""
        try:
            return super()._once(method, path, body, headers, seconds)
        except ApiError as error:
            if error.status not in _REFUSALS:
                raise
            error.starting = not self._is_ready()
            if error.starting:
                raise
        # It may have become ready in the meantime.
        return super()._once(method, path, body, headers, seconds)

    def _is_ready(self) -> bool:
        """Its /readyz, which kubeadm's probes also read without authentication."""
        try:
            return str(self._anybody.request("GET", "/readyz", patient=False)) == "ok"
        except (ApiError, PhaseError):
            return False


def _context(login: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=login.ca_pem)
    if login.pair is None:
        return context
    handle = os.memfd_create("login")
    try:
        os.write(handle, login.pair.reveal().encode())
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
    return context


def _rest_client(context: ssl.SSLContext, server_name: str) -> Any:
    import urllib3  # noqa: PLC0415 - as above
    from kubernetes.client import Configuration  # noqa: PLC0415
    from kubernetes.client.rest import RESTClientObject  # noqa: PLC0415

    client = RESTClientObject(Configuration())
    client.pool_manager = urllib3.PoolManager(
        ssl_context=context,
        server_hostname=server_name,
        assert_hostname=server_name,
        maxsize=8,
        retries=False,
    )
    return client


def _nowhere(target: Target) -> bool:
    del target
    return False


def _passes(error: BaseException) -> bool:
    if isinstance(error, ApiError):
        return error.passes
    return isinstance(error, ConnectionError) and "CERTIFICATE_VERIFY_FAILED" not in str(error)


def _message(body: Any) -> str:
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:500]


def _decode(text: bytes | str) -> Any:
    plain = text.decode() if isinstance(text, bytes) else text
    try:
        return json.loads(plain)
    except ValueError:
        return plain

"""Requests to API servers and etcd: retries, failover to another server, error statuses.

`kubeclient` sends the requests of the `kubernetes` library through `TlsHttp.read`, `etcd` and
`external_etcd` use `TlsHttp.request`.
"""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from kbootstrap.errors import PhaseError
from kbootstrap.remote.credentials import Credentials, admin_credentials
from kbootstrap.remote.https import Request, Target
from kbootstrap.secret import Secret
from kbootstrap.wait import retry

TRANSIENT_SECONDS = 60
REQUEST_SECONDS = 20
NOT_FOUND = 404
CONFLICT = 409
_FIRST_ERROR = 400  # HTTP statuses from here on are errors
_REFUSALS = frozenset({401, 403})
_TRANSIENT_STATUS = frozenset({429, 500, 502, 503, 504})
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a request may take.

    Attributes:
        patient: retry transient errors: a server that restarts, an etcd that elects a leader, an
            API server that has just started and has no roles yet.
        seconds: for one attempt; None: `REQUEST_SECONDS`.

    """

    patient: bool = True
    seconds: float | None = None


PATIENT = Limits()


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
        patient: bool = True,
        seconds: float | None = None,
    ) -> Any:
        """Send and receive JSON; text for paths without JSON.

        Raises:
            ApiError: as `read`.
            PhaseError: as `read`.

        """
        content = None if body is None else json.dumps(body)
        limits = Limits(patient=patient, seconds=seconds)
        return decoded(self.read(Request(method, path, content, _JSON), limits))

    def read(self, request: Request, limits: Limits = PATIENT) -> bytes:
        """The body of the response.

        Raises:
            ApiError: the server refused; the caller handles 404 and 409.
            PhaseError: KB330 of an API server, KB360 of etcd: it does not answer, or its transient
                errors do not end.

        """
        seconds = REQUEST_SECONDS if limits.seconds is None else limits.seconds
        once = partial(self._once, request, seconds)
        down = self.target.login.down
        try:
            return retry(
                lambda: self._here_or_elsewhere(once),
                TRANSIENT_SECONDS if limits.patient else 0,
                self._passes,
            )
        except ApiError as error:
            if limits.patient and self._passes(error):
                raise PhaseError(down, f"it did not recover: {error}") from error
            raise
        except OSError as error:
            raise PhaseError(down, f"no answer: {error}") from error

    def _here_or_elsewhere(self, once: Callable[[], bytes]) -> bytes:
        target = self.target
        try:
            return once()
        except (ApiError, OSError) as error:
            if not self._passes(error) or not self._elsewhere(target):
                raise
        return once()

    def _once(self, request: Request, seconds: float) -> bytes:
        self.requests += 1
        response = self.target.send(request, seconds)
        self._set_clock(response.date)
        if response.status >= _FIRST_ERROR:
            raise ApiError(response.status, _message(response.content))
        return response.content

    def _set_clock(self, date: str) -> None:
        """Take the server's clock from a Date header."""
        with contextlib.suppress(ValueError, OverflowError):  # it has none, or no date
            self._ahead = parsedate_to_datetime(date).timestamp() - time.time()


class KubeHttp(TlsHttp):
    """Requests to one API server, as the admin of a kubeconfig with embedded certificates."""

    def __init__(self, kubeconfig: Secret, host: str, port: int) -> None:
        super().__init__(admin_credentials(kubeconfig), host, port)

    def _once(self, request: Request, seconds: float) -> bytes:
        """Retry 401 and 403 of a starting server, whose roles do not exist yet."""
        try:
            return super()._once(request, seconds)
        except ApiError as error:
            if error.status not in _REFUSALS:
                raise
            error.starting = not self._is_ready()
            if error.starting:
                raise
        # It may have become ready in the meantime.
        return super()._once(request, seconds)

    def _is_ready(self) -> bool:
        """Its /readyz, which kubeadm's probes also read without authentication."""
        anonymous = Target(self.target.base, replace(self.target.login, pair=None))
        request = Request("GET", "/readyz", None, {})
        try:
            return anonymous.send(request, REQUEST_SECONDS).content == b"ok"
        except OSError:
            return False


def _nowhere(target: Target) -> bool:
    del target
    return False


def _passes(error: BaseException) -> bool:
    if isinstance(error, ApiError):
        return error.passes
    return isinstance(error, ConnectionError) and "CERTIFICATE_VERIFY_FAILED" not in str(error)


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return content[:500].decode(errors="replace")


def decoded(content: bytes) -> Any:
    """JSON as data, anything else as text."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode(errors="replace")

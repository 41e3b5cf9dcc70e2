"""An external etcd: which keys of a cluster it holds, and how they are removed.

Reached through a control plane, which has the client certificate (run/api_connection.py).
Keys have the form of kube-apiserver: PREFIX/RESOURCE/..., Nodes below "minions".
"""

import base64
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from kbootstrap import codes
from kbootstrap.errors import PhaseError
from kbootstrap.model.etcd import Held
from kbootstrap.remote.answers import reading
from kbootstrap.remote.kubehttp import ApiError, TlsHttp

_RANGE, _DELETE = "/v3/kv/range", "/v3/kv/deleterange"
SOME = 5  # names of Nodes that are printed
SECONDS = 10  # for one endpoint to answer


class ExternalEtcd:
    """Requests to the first endpoint that answers.

    Args:
        endpoints: their URLs.
        reach: host and port -> a client of the server there.

    """

    def __init__(self, endpoints: Iterable[str], reach: Callable[[str, int], TlsHttp]) -> None:
        self._endpoints, self._reach = tuple(endpoints), reach

    def held(self, prefix: str) -> Held:
        """The number of keys below ``prefix``, and the names of some Nodes.

        Raises:
            PhaseError: KB360 or KB361, no endpoint answers the request.

        """
        found = self._ask(_RANGE, _below(f"{prefix}/") | {"count_only": True})
        nodes = f"{prefix}/minions/"
        some = self._ask(_RANGE, _below(nodes) | {"keys_only": True, "limit": SOME})
        with reading(f"the keys below {prefix}"):
            names = [base64.b64decode(kv["key"]).decode() for kv in some.get("kvs", ())]
            here = tuple(name.removeprefix(nodes) for name in names)
            return Held(keys=int(found.get("count", 0)), nodes=here)

    def wipe(self, prefix: str) -> int:
        """Remove every key below ``prefix``; returns their number.

        Raises:
            PhaseError: as `held`.

        """
        answer = self._ask(_DELETE, _below(f"{prefix}/"))
        with reading(f"the removal of the keys below {prefix}"):
            return int(answer.get("deleted", 0))

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        problem: Exception | None = None
        for url in self._endpoints:
            at = urlsplit(url)
            try:
                http = self._reach(at.hostname or "", at.port or 0)
                return http.request("POST", path, body, patient=False, seconds=SECONDS)
            except PhaseError as error:
                problem = problem or error
            except ApiError as error:
                message = f"{url}: {error}"
                problem = problem or PhaseError(codes.ETCD_REFUSED, message)
        assert problem is not None  # noqa: S101 - the inventory names at least one
        raise problem


def _below(prefix: str) -> dict[str, Any]:
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return {"key": _encoded(prefix), "range_end": _encoded(end)}


def _encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()

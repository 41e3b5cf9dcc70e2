"""Draining through an API that is not well."""

from typing import Any, cast

import pytest

from kbootstrap import codes_phase as codes
from kbootstrap.action import Drain
from kbootstrap.errors import PhaseError
from kbootstrap.remote.drain import drain
from kbootstrap.remote.kubehttp import ApiError, KubeHttp

POD = {
    "metadata": {"namespace": "shop", "name": "till-1", "ownerReferences": [{"kind": "Job"}]},
    "spec": {"nodeName": "node3"},
}
ACTION = Drain(why="it leaves", node="node3", mark="us", seconds=20)


class Http:
    """One pod, which goes with the first eviction that works."""

    def __init__(self, *answers: Exception | None) -> None:
        self._answers = list(answers)
        self.evictions = 0

    def request(self, method: str, path: str, body: Any = None, **how: bool) -> Any:
        del path, body, how
        if method == "GET":
            return {"items": [POD] if self._answers else []}
        self.evictions += 1
        answer = self._answers.pop(0)
        if answer is not None:
            raise answer
        return {}


def run(http: Http) -> None:
    drain(cast("KubeHttp", http), ACTION)


@pytest.mark.parametrize(
    "hiccup",
    [
        ApiError(429, "Cannot evict pod as it would violate the pod's disruption budget."),
        ApiError(500, "etcdserver: leader changed"),
        PhaseError(codes.API_DOWN, "no answer: Connection reset by peer"),
    ],
)
def test_an_eviction_that_fails_for_a_moment_is_asked_for_again(hiccup: Exception) -> None:
    http = Http(hiccup, None)

    run(http)

    assert http.evictions == 2


def test_an_eviction_that_is_forbidden_ends_it_at_once() -> None:
    http = Http(ApiError(403, "admission webhook denied the request"), None)

    with pytest.raises(ApiError, match="webhook"):
        run(http)

    assert http.evictions == 1

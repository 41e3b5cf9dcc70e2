"""Draining through an API that is not well, and pods that a drain would lose."""

from dataclasses import replace
from typing import Any

import pytest

from kbootstrap import codes
from kbootstrap.action import Drain
from kbootstrap.errors import PhaseError
from kbootstrap.remote.drain import budgeted_pods, drain, held_pods
from kbootstrap.remote.kubehttp import ApiError
from tests.unit.remote.fake_api import api_over

POD: dict[str, Any] = {
    "metadata": {"namespace": "shop", "name": "till-1", "ownerReferences": [{"kind": "Job"}]},
    "spec": {"nodeName": "node3"},
}
ACTION = Drain(why="it leaves", node="node3", mark="us", seconds=20)


class Http:
    """One pod, which goes with the first eviction that works."""

    def __init__(self, *answers: Exception | None, pod: dict[str, Any] = POD) -> None:
        self._answers = list(answers)
        self._pod = pod
        self.evictions = 0

    def request(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        del path, body, how
        if method == "GET":
            return {"items": [self._pod] if self._answers else []}
        self.evictions += 1
        answer = self._answers.pop(0)
        if answer is not None:
            raise answer
        return {}


def run(http: Http, action: Drain = ACTION) -> None:
    drain(api_over(http), action)


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


LOCAL: dict[str, Any] = POD | {
    "spec": {"nodeName": "node3", "volumes": [{"name": "data", "emptyDir": {}}]}
}
BARE: dict[str, Any] = POD | {"metadata": {"namespace": "shop", "name": "till-1"}}
LOST = [(LOCAL, "--delete-emptydir-data"), (BARE, "--force-drain")]


@pytest.mark.parametrize(("pod", "flag"), LOST)
def test_a_pod_that_would_lose_something_is_refused_and_named(
    pod: dict[str, Any], flag: str
) -> None:
    http = Http(None, pod=pod)
    other = replace(ACTION, force=flag != "--force-drain", empty_dirs=flag == "--force-drain")

    with pytest.raises(PhaseError) as caught:
        run(http, other)

    assert caught.value.code.id == "KB353"
    assert "shop/till-1" in caught.value.detail
    assert flag in caught.value.detail
    assert http.evictions == 0


@pytest.mark.parametrize(("pod", "flag"), LOST)
def test_the_flag_lets_it_go(pod: dict[str, Any], flag: str) -> None:
    http = Http(None, pod=pod)

    run(http, replace(ACTION, force=flag == "--force-drain", empty_dirs=flag != "--force-drain"))

    assert http.evictions == 1


@pytest.mark.parametrize(
    ("pod", "held"),
    [
        (POD, 0),
        (LOCAL, 1),
        (BARE, 1),
        (LOCAL | {"metadata": BARE["metadata"]}, 2),
        (LOCAL | {"status": {"phase": "Succeeded"}}, 0),
        (LOCAL | {"metadata": POD["metadata"] | {"ownerReferences": [{"kind": "DaemonSet"}]}}, 0),
    ],
)
def test_what_a_drain_would_lose_is_known_before(pod: dict[str, Any], held: int) -> None:
    found = held_pods(api_over(Http(None, pod=pod)))

    assert [one.node for one in found] == ["node3"] * held


class Cluster:
    """Pods, and budgets that guard them."""

    def __init__(self, pods: list[dict[str, Any]], budgets: list[dict[str, Any]]) -> None:
        self._items = {"pods": pods, "poddisruptionbudgets": budgets}

    def request(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        del body, how
        assert method == "GET"
        return {"items": self._items[path.partition("?")[0].rpartition("/")[2]]}


def budget(desired: int, expected: int, *, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    selector = {"selector": {"matchLabels": {"app": "till"}}}
    return {
        "metadata": {"namespace": namespace, "name": "all"},
        "spec": selector | spec,
        "status": {"desiredHealthy": desired, "expectedPods": expected, "disruptionsAllowed": 0},
    }


@pytest.mark.parametrize(
    ("found", "forbids"),
    [
        (budget(2, 2), True),
        (budget(3, 2), True),
        (budget(1, 2), False),  # one that allows none for now only, since a pod is not healthy
        (budget(0, 0), False),
        (budget(2, 2, namespace="other"), False),
        (budget(2, 2, selector={"matchLabels": {"app": "other"}}), False),
        (budget(2, 2, selector=None), False),
        (budget(2, 2, selector={}), True),
    ],
)
def test_a_budget_that_never_allows_an_eviction(found: dict[str, Any], forbids: bool) -> None:  # noqa: FBT001
    pod = POD | {"metadata": POD["metadata"] | {"labels": {"app": "till"}}}
    ended = pod | {"status": {"phase": "Succeeded"}}

    pods = budgeted_pods(api_over(Cluster([pod, ended], [found])))

    assert [(p.node, p.pod, p.budget) for p in pods] == (
        [("node3", "shop/till-1", f"{found['metadata']['namespace']}/all")] if forbids else []
    )

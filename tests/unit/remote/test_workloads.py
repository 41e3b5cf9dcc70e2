"""Objects of CNI manifests: how they are read, when they run, and the wait for them."""

import itertools
import time
from typing import Any

import pytest

from kbootstrap import codes
from kbootstrap.action import AwaitRollout
from kbootstrap.errors import PhaseError
from kbootstrap.model.document import Document
from kbootstrap.model.observed import MANIFEST_SUM, manifest_ref
from kbootstrap.remote import rollout
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kubehttp import ApiError
from kbootstrap.remote.kubekinds import Kind
from kbootstrap.remote.rollout import await_rollout
from kbootstrap.remote.workloads import rolled_out
from tests.unit.remote.fake_api import api_over, http_over

APPS = [
    {"kind": "DaemonSet", "name": "daemonsets", "namespaced": True},
    {"kind": "DaemonSet", "name": "daemonsets/status", "namespaced": True},
]
NET = Document.of(
    {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "net", "namespace": "x"}}
)
OTHER = Document.of(
    {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "other", "namespace": "x"}}
)
NET_PATH = "/apis/apps/v1/namespaces/x/daemonsets/net"
SUM = manifest_ref(NET).rsplit(" ", 1)[1]


class Server:
    """Answers by path; notes what was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers, self.asked = {"/api/v1/nodes": {"items": []}, **answers}, list[str]()

    def request(self, method: str, path: str, *_: Any, **__: Any) -> Any:
        assert method == "GET"
        self.asked.append(path)
        place = path.partition("?")[0]
        if place not in self.answers:
            raise ApiError(404, f"{place} is not there")
        return self.answers[place]

    def now(self) -> float:
        return 0.0


def cluster(**more: Any) -> Server:
    system, apps = "/api/v1/namespaces/kube-system", "/apis/apps/v1/namespaces/kube-system"
    lists = ["/api/v1/nodes", *(f"{system}/{kind}" for kind in ("configmaps", "secrets", "pods"))]
    lists += [f"{apps}/{kind}" for kind in ("daemonsets", "deployments")]
    base: dict[str, Any] = {path: {"items": []} for path in lists}
    return Server({**base, "/readyz": "ok", "/apis/apps/v1": {"resources": APPS}, **more})


def daemon_set(status: dict[str, int], **spec: Any) -> dict[str, Any]:
    return {
        "kind": "DaemonSet",
        "metadata": {
            "name": "net",
            "namespace": "x",
            "uid": "0",
            "generation": 2,
            "annotations": {MANIFEST_SUM: SUM},
        },
        "spec": {"selector": {"matchLabels": {"app": "net"}}, **spec},
        "status": {"observedGeneration": 2, **status},
    }


UP = daemon_set({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2})
STUCK = daemon_set({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2})


# ---- reading them


def test_an_observation_holds_the_manifests_that_are_asked_for_whatever_was_asked_before() -> None:
    """`up` looks at the lock's Lease before it has read any manifest."""
    server = cluster(**{NET_PATH: UP})
    reader = KubeReader(http_over(server))

    assert reader.observe().applied == frozenset()
    seen = reader.observe((NET,))

    assert seen.applied == {manifest_ref(NET)}
    assert seen.rolled_out == {("DaemonSet", "x", "net")}
    assert reader.observe((OTHER,)).applied == frozenset()


def test_what_was_asked_before_a_change_does_not_count_after_it() -> None:
    """Another step of the run may have asked just before, or still wait for its answer."""
    server = cluster(**{NET_PATH: UP})
    reader = KubeReader(http_over(server))

    reader.observe((NET,))
    reader.observe((NET,))
    assert server.asked.count(NET_PATH) == 1
    reader.observe((NET,), since=time.monotonic())
    assert server.asked.count(NET_PATH) == 2


def test_objects_of_a_kind_are_one_request_and_a_group_version_is_discovered_once() -> None:
    place = NET_PATH.removesuffix("/net")
    item = {key: value for key, value in UP.items() if key != "kind"}  # as in a list
    server = cluster(**{place: {"items": [item]}})
    reader = KubeReader(http_over(server))

    reader.observe((NET, OTHER))
    reader.forget()
    seen = reader.observe((NET, OTHER))

    assert seen.applied == {manifest_ref(NET)}
    assert seen.rolled_out == {("DaemonSet", "x", "net")}
    assert server.asked.count(place) == 2
    assert server.asked.count("/apis/apps/v1") == 1


def test_a_kind_that_is_served_later_is_found() -> None:
    server = cluster()
    api, pool = api_over(server), ("net.example/v1", "Pool")

    assert api.kinds([pool]) == {}
    resources: list[dict[str, Any]] = []
    server.answers["/apis/net.example/v1"] = {"resources": resources}
    assert api.kinds([pool]) == {}
    resources.append({"kind": "Pool", "name": "pools", "namespaced": False})
    assert api.kinds([pool]) == {pool: Kind(*pool, "pools", namespaced=False)}


# ---- whether they run


def workload(kind: str, spec: dict[str, Any], **status: Any) -> dict[str, Any]:
    meta = {"name": "a", "namespace": "b", "generation": 3}
    return {
        "kind": kind,
        "metadata": meta,
        "spec": spec,
        "status": {"observedGeneration": 3, **status},
    }


TWO = {"replicas": 2}
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}
PARTITION = {"updateStrategy": {"rollingUpdate": {"partition": 1}}}
RUNS = [
    workload("Deployment", TWO, replicas=2, updatedReplicas=2, availableReplicas=2),
    workload("Deployment", {"replicas": 0}),
    workload("DaemonSet", {}, desiredNumberScheduled=0),
    workload("DaemonSet", ON_DELETE, desiredNumberScheduled=1, numberAvailable=1),
    workload("StatefulSet", TWO, readyReplicas=2, updateRevision="a", currentRevision="a"),
    workload("StatefulSet", {**TWO, **ON_DELETE}, readyReplicas=2, updateRevision="b"),
    workload("StatefulSet", {**TWO, **PARTITION}, readyReplicas=2, updatedReplicas=1),
]
ON_THE_WAY = [
    {},
    workload("ConfigMap", {}),
    # the pods of the form before are available still
    workload("Deployment", TWO, replicas=3, updatedReplicas=1, availableReplicas=2),
    workload("Deployment", TWO, replicas=3, updatedReplicas=2, availableReplicas=3),
    workload("Deployment", TWO, replicas=2, updatedReplicas=2, availableReplicas=1),
    workload("Deployment", {**TWO, "paused": True}, replicas=2, availableReplicas=2),
    workload("Deployment", {"replicas": 0}, observedGeneration=2),
    workload("DaemonSet", {}, desiredNumberScheduled=2, numberAvailable=2),
    workload("DaemonSet", {}, desiredNumberScheduled=1, updatedNumberScheduled=1),
    workload("DaemonSet", ON_DELETE, desiredNumberScheduled=1),
    workload("StatefulSet", TWO, readyReplicas=2, updateRevision="b", currentRevision="a"),
    workload("StatefulSet", TWO, readyReplicas=1, updateRevision="a", currentRevision="a"),
    workload("StatefulSet", {**TWO, **PARTITION}, readyReplicas=2),
]


@pytest.mark.parametrize("live", RUNS)
def test_it_has_rolled_out(live: dict[str, Any]) -> None:
    assert rolled_out(live)


@pytest.mark.parametrize("live", ON_THE_WAY)
def test_it_is_on_the_way(live: dict[str, Any]) -> None:
    assert not rolled_out(live)


# ---- the wait


def pod(reason: str, message: str = "", *, restarts: int = 0) -> dict[str, Any]:
    container = {
        "name": "agent",
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason, "message": message}},
    }
    return {"metadata": {"name": "net-1", "uid": "1"}, "status": {"containerStatuses": [container]}}


AWAIT = AwaitRollout(why="x", workloads=(("DaemonSet", "x", "net"),), nodes=3)
PODS = "/api/v1/namespaces/x/pods"


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is an hour after the one before."""
    moments = itertools.count(step=3600)
    monkeypatch.setattr(rollout, "time", type("T", (), {"monotonic": lambda: next(moments)}))


@pytest.mark.usefixtures("hours")
def test_the_error_of_a_crash_has_the_last_lines_of_its_log() -> None:
    loop = pod("CrashLoopBackOff", "back-off 40s restarting", restarts=4)
    log = f"{PODS}/net-1/log"
    server = Server({NET_PATH: STUCK, PODS: {"items": [loop]}, log: "starting\nno such flag: -x\n"})

    with pytest.raises(PhaseError, match=r"DaemonSet x/net.*CrashLoopBackOff") as caught:
        await_rollout(api_over(server), AWAIT)

    assert caught.value.code is codes.NOT_ROLLED_OUT
    assert "net-1: agent: CrashLoopBackOff: back-off 40s" in caught.value.detail
    assert "no such flag: -x" in caught.value.detail
    assert f"{log}?container=agent&previous=true&tailLines=10" in server.asked
    assert f"{PODS}?labelSelector=app%3Dnet" in server.asked


def test_at_the_deadline_the_events_say_why_there_are_no_pods() -> None:
    event = {
        "involvedObject": {"name": "net"},
        "reason": "FailedCreate",
        "message": 'pods "net-" is forbidden: violates PodSecurity',
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    elsewhere = {**event, "involvedObject": {"name": "web"}, "message": "another"}
    server = Server(
        {
            NET_PATH: STUCK,
            PODS: {"items": []},
            "/api/v1/namespaces/x/events": {"items": [event, elsewhere]},
        }
    )
    action = AwaitRollout(why="x", workloads=AWAIT.workloads, nodes=1, seconds=0)

    with pytest.raises(PhaseError, match="not rolled out after 0 s") as caught:
        await_rollout(api_over(server), action)

    assert "violates PodSecurity" in caught.value.detail
    assert "another" not in caught.value.detail


def test_at_the_deadline_pods_that_only_start_are_named_with_their_events() -> None:
    """Of a volume that cannot be mounted the pod itself says nothing."""
    event = {
        "involvedObject": {"name": "net-1"},
        "reason": "FailedMount",
        "message": 'configmap "net" not found',
    }
    starting = {"items": [pod("ContainerCreating")]}
    server = Server(
        {NET_PATH: STUCK, PODS: starting, "/api/v1/namespaces/x/events": {"items": [event]}}
    )
    action = AwaitRollout(why="x", workloads=AWAIT.workloads, nodes=1, seconds=0)

    with pytest.raises(PhaseError, match="not rolled out after 0 s: ContainerCreating") as caught:
        await_rollout(api_over(server), action)

    assert caught.value.detail.splitlines() == [
        "net-1: agent: ContainerCreating",
        'net-1: FailedMount: configmap "net" not found',
    ]


def node(name: str, ready: str) -> dict[str, Any]:
    conditions = [{"type": "MemoryPressure", "status": "Unknown"}, {"type": "Ready"}]
    conditions[1]["status"] = ready
    return {"metadata": {"name": name}, "status": {"conditions": conditions}}


ONE_OF_TWO = {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}


@pytest.mark.parametrize(("ready", "waits"), [("Unknown", False), ("False", True)])
def test_a_pod_on_a_node_that_is_off_is_not_waited_for(ready: str, *, waits: bool) -> None:
    """A node that reports but is not ready yet, may be so for want of this very pod."""
    nodes = {"items": [node("node1", "True"), node("node2", ready)]}
    server = cluster(**{NET_PATH: daemon_set(ONE_OF_TWO), "/api/v1/nodes": nodes})

    assert (KubeReader(http_over(server)).observe((NET,)).rolled_out == frozenset()) is waits

    server.answers |= {PODS: {"items": []}, "/api/v1/namespaces/x/events": {"items": []}}
    action = AwaitRollout(why="x", workloads=AWAIT.workloads, nodes=2, seconds=0)
    if waits:
        with pytest.raises(PhaseError, match="has not rolled out"):
            await_rollout(api_over(server), action)
    else:
        await_rollout(api_over(server), action)


def test_it_ends_when_all_are_up() -> None:
    server = Server({NET_PATH: UP})
    await_rollout(api_over(server), AWAIT)
    assert server.asked == [NET_PATH]

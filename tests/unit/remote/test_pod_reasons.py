"""Why pods do not run: from objects as API servers show them to reasons, and how long to wait."""

from collections.abc import Iterator
from itertools import chain, count, repeat
from typing import Any, cast

import pytest

from kbootstrap.action import AwaitPods
from kbootstrap.codes import PODS_DOWN
from kbootstrap.errors import PhaseError
from kbootstrap.model.observed import NO_POD, Observed, ObservedPod, PodReason
from kbootstrap.remote import system_pods
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kubeobjects import own_pods_of
from kbootstrap.remote.kubewrite import KubeWriter
from kbootstrap.remote.pod_reasons import Patience, reasons

Pod = dict[str, Any]


def pod(name: str = "kube-proxy-x", node: str = "n1", **status: Any) -> Pod:
    labels = {"k8s-app": "kube-proxy"}
    meta = {"name": name, "uid": "1", "namespace": "kube-system", "labels": labels}
    return {"metadata": meta, "spec": {"nodeName": node}, "status": {"phase": "Pending", **status}}


def waiting(reason: str, message: str = "", restarts: int = 0, **more: Any) -> Pod:
    state = {"waiting": {"reason": reason, "message": message}}
    container = {"name": "c", "state": state, "restartCount": restarts, **more}
    return pod(containerStatuses=[container])


READY = [{"type": "Ready", "status": "True"}]


def unschedulable(message: str) -> Pod:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    return pod(conditions=[{**condition, "message": message}])


def test_what_runs_has_ended_well_or_is_about_to_go_has_no_reason() -> None:
    """As has a pod of the form before the last change."""
    going = waiting("InvalidImageName")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert list(reasons([pod(conditions=READY), pod(phase="Succeeded"), going])) == []


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (waiting("ContainerCreating"), "c: ContainerCreating"),
        (
            waiting("ImagePullBackOff", 'Back-off pulling image "r/p:1"\n'),
            'c: ImagePullBackOff: Back-off pulling image "r/p:1"',
        ),
        (
            waiting("CreateContainerError", "runc: no such file"),
            "c: CreateContainerError: runc: no such file",
        ),
        (
            waiting(
                "CrashLoopBackOff",
                "back-off 20s",
                restarts=3,
                lastState={"terminated": {"exitCode": 2, "message": "open /proc\nno"}},
            ),
            "c: CrashLoopBackOff: back-off 20s (it ended with status 2: open /proc no)",
        ),
        (
            pod(containerStatuses=[{"name": "c", "state": {"terminated": {"exitCode": 1}}}]),
            "c: ended with status 1",
        ),
        (
            pod(phase="Running", containerStatuses=[{"name": "c", "state": {"running": {}}}]),
            "c: runs, but is not ready",
        ),
        (unschedulable("0/3 nodes are available"), "Unschedulable: 0/3 nodes are available"),
        (pod(phase="Failed", reason="Evicted", message="disk"), "Evicted: disk"),
        (pod(), "it has no container yet"),
    ],
)
def test_the_reason_as_the_pod_reports_it(found: Pod, text: str) -> None:
    (reason,) = reasons([found])
    assert (reason.pod, reason.text) == ("kube-proxy-x", text)


def test_what_may_last_is_named_before_what_only_starts() -> None:
    states = [
        {"name": "a", "state": {"waiting": {"reason": "PodInitializing"}}},
        {"name": "b", "state": {"waiting": {"reason": "InvalidImageName"}}},
    ]
    found = [reason.text for reason in reasons([pod(containerStatuses=states)])]
    assert found == ["b: InvalidImageName", "a: PodInitializing"]


# ---- which do not pass


def ends(*pods: Pod, every: float = 10, nodes: int = 3) -> int | None:
    """At which of these looks at one pod the wait ends."""
    patience = Patience(nodes=nodes)
    for number, seen in enumerate(pods):
        if patience.look(reasons([seen]), number * every):
            return number
    return None


FAILED, BACK_OFF = waiting("ErrImagePull", "not found"), waiting("ImagePullBackOff")


def test_an_image_that_two_tries_did_not_bring_ends_the_wait() -> None:
    assert ends(FAILED, BACK_OFF, BACK_OFF, FAILED, every=1) == 3


def test_an_image_that_failed_once_may_yet_come() -> None:
    """Its second try may take its time; a minute of back-off does not pass by itself."""
    assert ends(FAILED, BACK_OFF, BACK_OFF, every=10) is None
    assert ends(*[BACK_OFF] * 9, every=10) == 6


@pytest.mark.parametrize("reason", ["InvalidImageName", "ErrImageNeverPull"])
def test_a_name_that_can_never_be_pulled_ends_it_within_seconds(reason: str) -> None:
    assert ends(*[waiting(reason)] * 9, every=1) == 5


def test_a_crash_loop_ends_it_after_some_restarts() -> None:
    loop = [waiting("CrashLoopBackOff", restarts=number) for number in range(1, 6)]
    assert ends(*loop) == 2


@pytest.mark.parametrize("reason", ["CreateContainerError", "CreateContainerConfigError"])
def test_a_container_that_cannot_be_made_is_given_half_a_minute(reason: str) -> None:
    assert ends(*[waiting(reason)] * 9) == 3


def test_a_pod_without_a_place_waits_for_nodes_that_are_still_to_come() -> None:
    full = unschedulable("0/3 nodes are available: 3 Insufficient cpu.")
    new = unschedulable(
        "0/3 nodes are available: 3 node(s) had untolerated taint {node.kubernetes.io/not-ready: }"
    )
    assert ends(*[full] * 9) == 3
    assert ends(*[full] * 9, nodes=4) is None
    assert ends(*[new] * 9) is None


@pytest.mark.parametrize(
    "seen",
    [
        waiting("ContainerCreating"),
        waiting("PodInitializing"),
        waiting("CrashLoopBackOff", restarts=1),
        pod(),
        pod(phase="Failed", reason="Evicted"),
        pod(containerStatuses=[{"name": "c", "state": {"running": {}}}]),
    ],
)
def test_what_the_kubelet_or_a_controller_retries_passes(seen: Pod) -> None:
    assert ends(*[seen] * 9, every=1000) is None


def test_a_reason_that_comes_and_goes_lasts() -> None:
    """As that of a container that is made again and again."""
    broken, starts = waiting("CreateContainerError"), waiting("ContainerCreating")
    assert ends(*[broken, starts] * 4, every=10) == 4
    other = waiting("RunContainerError")
    assert ends(*[broken, other] * 4, every=10) == 4


# ---- the pods of kubeadm


def test_own_pods_are_known_by_their_labels() -> None:
    static = pod("etcd-n1", conditions=READY)
    static["metadata"]["labels"] = {"tier": "control-plane", "component": "etcd"}
    foreign = pod("calico")
    foreign["metadata"]["labels"] = {"k8s-app": "calico-node"}
    going = pod("old")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    seen = own_pods_of([static, foreign, going, pod(node=""), waiting("InvalidImageName")])
    assert [(p.node, p.name, p.reason) for p in seen] == [
        ("n1", "etcd", ""),
        ("", "kube-proxy", "it has no container yet"),
        ("n1", "kube-proxy", "c: InvalidImageName"),
    ]


class Reader:
    """Shows one state after the other; the last one for ever."""

    def __init__(self, *states: tuple[ObservedPod, ...]) -> None:
        self._states: Iterator[tuple[ObservedPod, ...]] = chain(states, repeat(states[-1]))
        self.api = None

    def observe(self) -> Observed:
        return Observed(own_pods=next(self._states))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [
            {"message": f"{name}: no such file", "lastTimestamp": "2026-01-02T00:00:00Z"},
            {"message": "older", "lastTimestamp": "2026-01-01T00:00:00Z"},
        ]


def proxy(reason: str) -> ObservedPod:
    why = (PodReason(reason=reason, uid="1"),)
    return ObservedPod(node="n1", name="kube-proxy", pod="kube-proxy-x", reasons=why)


UP = ObservedPod(node="n1", name="kube-proxy", pod="kube-proxy-x")
STARTS, BROKEN = proxy("ContainerCreating"), proxy("InvalidImageName")


def wait(reader: Reader, seconds: int = 60) -> None:
    action = AwaitPods(why="x", node="n1", pods=("kube-proxy",), seconds=seconds)
    KubeWriter(cast("KubeReader", reader), "").perform(action, {})


@pytest.fixture
def minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is a minute after the one before."""
    moments = count(step=60)
    monkeypatch.setattr(system_pods, "time", type("T", (), {"monotonic": lambda: next(moments)}))


def test_the_wait_ends_when_they_run() -> None:
    wait(Reader((), (STARTS,), (UP,)))


def test_a_reason_that_passes_is_not_held_against_a_pod() -> None:
    wait(Reader((BROKEN,), (STARTS,), (UP,)))


@pytest.mark.usefixtures("minutes")
def test_a_lasting_reason_ends_it_before_the_deadline() -> None:
    with pytest.raises(PhaseError) as caught:
        wait(Reader((BROKEN,)), seconds=3600)
    assert caught.value.code is PODS_DOWN
    assert caught.value.detail.splitlines() == [
        "kube-proxy: InvalidImageName",
        "  last event: kube-proxy-x: no such file",
    ]


def test_at_the_deadline_what_is_missing_is_named() -> None:
    with pytest.raises(PhaseError) as caught:
        wait(Reader(()), seconds=0)
    assert "kube-proxy" in caught.value.message
    assert caught.value.detail == f"kube-proxy: {NO_POD[0].text}"


def test_a_pod_that_no_controller_makes_ends_it_before_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(system_pods, "ABSENT_SECONDS", 0)

    with pytest.raises(PhaseError, match="not running on n1 after 0 s: kube-proxy"):
        wait(Reader(()), seconds=300)

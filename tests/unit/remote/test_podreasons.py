"""Why pods do not run: from objects as API servers show them to reasons, and how long to wait."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any, cast

import pytest

from kbootstrap.action import AwaitPods
from kbootstrap.codes_fitness import PODS_DOWN
from kbootstrap.errors import PhaseError
from kbootstrap.model.observed import NO_POD, Observed, ObservedPod
from kbootstrap.remote import ownpods
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kubeobjects import own_pods_of
from kbootstrap.remote.kubewrite import KubeWriter
from kbootstrap.remote.podreasons import reason_of, reasons

Pod = dict[str, Any]


def pod(name: str = "kube-proxy-x", node: str = "n1", **status: Any) -> Pod:
    labels = {"k8s-app": "kube-proxy"}
    meta = {"name": name, "namespace": "kube-system", "labels": labels}
    return {"metadata": meta, "spec": {"nodeName": node}, "status": {"phase": "Pending", **status}}


def waiting(reason: str, message: str = "", restarts: int = 0, **more: Any) -> Pod:
    state = {"waiting": {"reason": reason, "message": message}}
    container = {"name": "c", "state": state, "restartCount": restarts, **more}
    return pod(containerStatuses=[container])


READY = [{"type": "Ready", "status": "True"}]


def test_what_runs_or_has_ended_well_has_no_reason() -> None:
    assert reasons([pod(conditions=READY), pod(phase="Succeeded")]) == ()


@pytest.mark.parametrize(
    ("found", "text", "lasting"),
    [
        (waiting("ContainerCreating"), "c: ContainerCreating", False),
        (
            waiting("ImagePullBackOff", 'Back-off pulling image "r/p:1"\n'),
            'c: ImagePullBackOff: Back-off pulling image "r/p:1"',
            True,
        ),
        (waiting("ErrImagePull", "500"), "c: ErrImagePull: 500", False),
        (
            waiting("CreateContainerError", "runc: no such file"),
            "c: CreateContainerError: runc: no such file",
            True,
        ),
        (
            waiting(
                "CrashLoopBackOff",
                "back-off 20s",
                restarts=3,
                lastState={"terminated": {"exitCode": 2, "message": "open /proc\nno"}},
            ),
            "c: CrashLoopBackOff: back-off 20s (it ended with status 2: open /proc no)",
            True,
        ),
        (waiting("CrashLoopBackOff", restarts=1), "c: CrashLoopBackOff", False),
        (
            pod(containerStatuses=[{"name": "c", "state": {"terminated": {"exitCode": 1}}}]),
            "c: ended with status 1",
            False,
        ),
        (
            pod(phase="Running", containerStatuses=[{"name": "c", "state": {"running": {}}}]),
            "c: runs, but is not ready",
            False,
        ),
        (
            pod(
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes are available",
                    }
                ]
            ),
            "Unschedulable: 0/3 nodes are available",
            False,
        ),
        (pod(phase="Failed", reason="Evicted", message="disk"), "Evicted: disk", True),
        (pod(), "it has no container yet", False),
    ],
)
def test_the_reason_in_the_pod_s_own_words(found: Pod, text: str, lasting: bool) -> None:  # noqa: FBT001
    reason = reason_of(found)
    assert reason is not None
    assert (reason.pod, reason.text, reason.lasting) == ("kube-system/kube-proxy-x", text, lasting)


def test_what_lasts_is_named_before_what_only_starts() -> None:
    states = [
        {"name": "a", "state": {"waiting": {"reason": "PodInitializing"}}},
        {"name": "b", "state": {"waiting": {"reason": "InvalidImageName"}}},
    ]
    (reason,) = reasons([pod(containerStatuses=states)])
    assert (reason.text, reason.lasting) == ("b: InvalidImageName", True)


def test_own_pods_are_known_by_their_labels() -> None:
    static = pod("etcd-n1", conditions=READY)
    static["metadata"]["labels"] = {"tier": "control-plane", "component": "etcd"}
    foreign = pod("calico")
    foreign["metadata"]["labels"] = {"k8s-app": "calico-node"}
    going = pod("old")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    seen = own_pods_of([static, foreign, going, pod(node=""), waiting("InvalidImageName")])
    assert [(p.node, p.name, p.reason, p.lasting) for p in seen] == [
        ("n1", "etcd", "", False),
        ("n1", "kube-proxy", "c: InvalidImageName", True),
    ]


class Reader:
    """Shows one state after the other; the last one for ever."""

    def __init__(self, *states: tuple[ObservedPod, ...]) -> None:
        self._states: Iterator[tuple[ObservedPod, ...]] = chain(states, repeat(states[-1]))
        self.http = self
        self.paths = None

    def observe(self) -> Observed:
        return Observed(own_pods=next(self._states))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [
            {"message": f"{name}: no such file", "lastTimestamp": "2026-01-02T00:00:00Z"},
            {"message": "older", "lastTimestamp": "2026-01-01T00:00:00Z"},
        ]


UP = ObservedPod(node="n1", name="kube-proxy", pod="kube-proxy-x")
STARTS = ObservedPod(node="n1", name="kube-proxy", pod="kube-proxy-x", reason="ContainerCreating")
BROKEN = ObservedPod(
    node="n1", name="kube-proxy", pod="kube-proxy-x", reason="InvalidImageName", lasting=True
)


def wait(reader: Reader, seconds: int = 60) -> None:
    action = AwaitPods(why="x", node="n1", pods=("kube-proxy",), seconds=seconds)
    KubeWriter(cast("KubeReader", reader), "").perform(action, {})


def test_the_wait_ends_when_they_run() -> None:
    wait(Reader((), (STARTS,), (UP,)))


def test_a_reason_that_passes_is_not_held_against_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownpods, "LASTING_SECONDS", 30)
    wait(Reader((BROKEN,), (STARTS,), (UP,)))


def test_a_reason_that_comes_and_goes_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ImagePullBackOff and ErrImagePull do."""
    monkeypatch.setattr(ownpods, "LASTING_SECONDS", 0.2)
    with pytest.raises(PhaseError) as caught:
        wait(Reader(*[(BROKEN,), (STARTS,)] * 50), seconds=3600)
    assert "InvalidImageName" in caught.value.detail


def test_a_lasting_reason_ends_it_before_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownpods, "LASTING_SECONDS", 0)
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
    assert caught.value.detail == f"kube-proxy: {NO_POD}"

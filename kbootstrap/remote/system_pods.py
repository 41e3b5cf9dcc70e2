"""Waits until the pods that kubeadm makes in kube-system run on a node."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from kbootstrap.action import AwaitPods
from kbootstrap.codes import PODS_DOWN
from kbootstrap.errors import PhaseError
from kbootstrap.model.observed import ObservedPod
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.pod_reasons import Patience
from kbootstrap.wait import until

# For a pod to be created: the kubelet and the controllers need seconds, while a damaged manifest
# or a missing DaemonSet never creates one.
ABSENT_SECONDS = 60


def await_own_pods(reader: KubeReader, action: AwaitPods) -> None:
    """Wait until the pods run on the node.

    Raises:
        PhaseError: KB325, with each pod's reason; before the deadline if one is permanent.

    """
    start = time.monotonic()
    patience = Patience()
    down: tuple[ObservedPod, ...] = ()

    def settled() -> bool:
        nonlocal down
        down = reader.observe().pods_down(action.node, action.pods, action.also)
        found = [reason for pod in down for reason in pod.reasons]
        now = time.monotonic()
        absent = now - start > ABSENT_SECONDS and any(not pod.pod for pod in down)
        return not down or absent or bool(patience.look(found, now))

    until(settled, action.seconds)
    if down:
        names = ", ".join(pod.name for pod in down)
        seconds = int(time.monotonic() - start)
        raise PhaseError(
            PODS_DOWN,
            f"not running on {action.node} after {seconds} s: {names}",
            detail="\n".join(_lines(reader, down)),
        )


def _lines(reader: KubeReader, down: Iterable[ObservedPod]) -> Iterator[str]:
    for pod in down:
        yield f"{pod.name}: {pod.reason}"
        yield from (f"  last event: {text}" for text in _last_event(reader, pod))


def _last_event(reader: KubeReader, pod: ObservedPod) -> Iterator[str]:
    """The last event, since the pod's status does not show why a sandbox cannot be created."""
    if pod.pod:
        events: list[dict[str, Any]] = reader.events(pod.pod)
        events.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime")))
        for event in events[-1:]:
            yield " ".join(str(event.get("message", "")).split())

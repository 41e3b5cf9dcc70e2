"""Why pods do not run, and which reasons are permanent; pure.

With it, a wait for pods can end before its deadline. Sources: the Kubernetes
API reference (PodStatus, ContainerState) for the fields; kubelet, pkg/kubelet/images/types.go and
container/sync_result.go, for the reasons;
https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff for the back-off.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kbootstrap.model.observed import PodReason

Pod = dict[str, Any]  # as the API returns it
PULL_FAILED = "ErrImagePull"  # a pull has just failed; the next one follows later
PULLS = frozenset({PULL_FAILED, "ImagePullBackOff", "RegistryUnavailable"})
CRASHES = "CrashLoopBackOff"
UNSCHEDULABLE = "Unschedulable"
# Seconds after which a reason counts as permanent; reasons that are not listed never do.
# The shortest is for pods of the previous revision, which their controller is about to delete.
LASTS = {
    "InvalidImageName": 5,
    "ErrImageNeverPull": 5,
    CRASHES: 5,
    "CreateContainerError": 30,
    "CreateContainerConfigError": 30,
    "ImageInspectError": 30,
    "RunContainerError": 30,
    UNSCHEDULABLE: 30,
} | dict.fromkeys(PULLS, 60)
PULL_TRIES = 2  # the second follows after the kubelet's back-off of 10 s
CRASH_RESTARTS = 3  # an agent may exit once or twice before the API's Service is routed
NOT_READY = "runs, but is not ready"
_STARTING = frozenset({"ContainerCreating", "PodInitializing"})
_COMING = re.compile(r"node\.(cloudprovider\.)?kubernetes\.io/")  # taints of a new node
_SCHEDULED_AMONG = re.compile(r"\d+/(\d+) nodes")
_LONGEST = 300  # characters of a message


def reasons(pods: Iterable[Pod]) -> Iterator[PodReason]:
    """Every reason why these pods do not run, pod by pod, the worst of each first.

    A pod that is Ready, has succeeded or is being deleted has none.
    """
    for pod in pods:
        meta, status = pod["metadata"], pod.get("status") or {}
        conditions = {c["type"]: c for c in status.get("conditions") or []}
        over = meta.get("deletionTimestamp") or status.get("phase") == "Succeeded"
        if not over and not _is(conditions, "Ready", "True"):
            for found in sorted(_of(status, conditions), key=_rank):
                yield PodReason(pod=meta["name"], uid=meta["uid"], **found)


def _of(status: dict[str, Any], conditions: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of each reason."""
    if status.get("phase") == "Failed":
        return [_reason(status.get("reason") or "Failed", status.get("message"))]
    if _is(conditions, "PodScheduled", "False"):
        found = conditions["PodScheduled"]
        return [_reason(found.get("reason") or UNSCHEDULABLE, found.get("message"))]
    every = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return [one for c in every for one in _of_container(c)] or [_reason("it has no container yet")]


def _is(conditions: dict[str, Any], kind: str, value: str) -> bool:
    return bool(conditions.get(kind, {}).get("status") == value)


def _of_container(container: dict[str, Any]) -> Iterator[dict[str, Any]]:
    state = container.get("state") or {}
    waiting, ended = state.get("waiting"), state.get("terminated")
    if waiting:
        last = (container.get("lastState") or {}).get("terminated")
        found = _reason(waiting.get("reason") or "Waiting", waiting.get("message"))
        if last and found["reason"] not in _STARTING:
            found["last"] = f"it {_ended(last)}"
    elif ended and ended.get("exitCode"):
        found = _reason(_ended(ended))
    elif not ended and not container.get("ready"):
        found = _reason(NOT_READY)
    else:
        return
    restarts = container.get("restartCount", 0)
    yield {**found, "container": container["name"], "restarts": restarts}


def _ended(ended: dict[str, Any]) -> str:
    text = f"ended with status {ended.get('exitCode')}"
    return ": ".join(filter(None, (text, _line(ended.get("message")))))


def _reason(reason: str, message: str | None = None) -> dict[str, Any]:
    return {"reason": reason, "message": _line(message)}


def _line(message: str | None) -> str:
    return " ".join((message or "").split())[:_LONGEST]


def _rank(found: dict[str, Any]) -> int:
    """Sorts possibly permanent reasons first, then failures, running and starting ones."""
    reason = found["reason"]
    if reason in LASTS:
        return 0
    return 3 if reason in _STARTING else 2 if reason == NOT_READY else 1


@dataclass
class Patience:
    """Decides which reasons have lasted so long that they are permanent.

    A reason that comes and goes, such as that of a repeated pull, lasts from its first
    observation.

    Attributes:
        nodes: how many the inventory has; unschedulable pods wait for all of them.

    """

    nodes: int = 0
    _since: dict[tuple[str, str, str], float] = field(default_factory=dict)
    _last: dict[tuple[str, str], str] = field(default_factory=dict)
    _pulls: dict[tuple[str, str], int] = field(default_factory=dict)  # failed pulls

    def look(self, found: Iterable[PodReason], now: float) -> tuple[PodReason, ...]:
        """Record the reasons found at ``now``, in seconds; returns the permanent ones."""
        current = [reason for reason in found if reason.reason in LASTS]
        for reason in current:
            before = self._last.get(reason.place)
            if reason.reason == PULL_FAILED and before != PULL_FAILED:
                self._pulls[reason.place] = self._pulls.get(reason.place, 0) + 1
            self._last[reason.place] = reason.reason
        return tuple(reason for reason in current if self._is_permanent(reason, now))

    def _is_permanent(self, reason: PodReason, now: float) -> bool:
        kind = PULL_FAILED if reason.reason in PULLS else reason.reason
        since = self._since.setdefault((*reason.place, kind), now)
        if kind == PULL_FAILED and self._pulls.get(reason.place, 0) >= PULL_TRIES:
            return True
        if kind == CRASHES and reason.restarts < CRASH_RESTARTS:
            return False
        if kind == UNSCHEDULABLE and self._more_nodes_come(reason):
            return False
        return now - since >= LASTS[reason.reason]

    def _more_nodes_come(self, reason: PodReason) -> bool:
        among = _SCHEDULED_AMONG.search(reason.message)
        return (among is not None and int(among[1]) < self.nodes) or bool(
            _COMING.search(reason.message)
        )

"""Why pods do not run, in their own words; pure.

For whoever waits for pods: the reasons to print, and which of them do not pass by themselves, so
that a wait can end before its deadline. What the fields mean is in the Kubernetes API reference
(PodStatus, ContainerState).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Pod = dict[str, Any]

# Of a container that waits. The kubelet goes on trying, but something has to be repaired first.
_LASTING = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
_STARTING = frozenset({"ContainerCreating", "PodInitializing"})
_CRASHES = 3  # restarts after which a crash is no accident of the first seconds
_LONGEST = 300  # characters of a message


@dataclass(frozen=True, slots=True, kw_only=True)
class PodReason:
    """Why one pod does not run.

    Attributes:
        pod: "namespace/name".
        text: one line, such as "kube-proxy: ImagePullBackOff: Back-off pulling image ...".
        lasting: it does not pass by itself.

    """

    pod: str
    text: str
    lasting: bool = False


def reasons(pods: Iterable[Pod]) -> tuple[PodReason, ...]:
    """One for each pod that is not Ready and has not ended well, in the order of ``pods``."""
    return tuple(reason for pod in pods if (reason := reason_of(pod)) is not None)


def reason_of(pod: Pod) -> PodReason | None:
    """Why this pod does not run; None if it does, or has ended well."""
    status = pod.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or []}
    meta = pod["metadata"]
    if meta.get("deletionTimestamp"):
        text, lasting = "it is being deleted", False
    elif status.get("phase") == "Succeeded" or _true(conditions, "Ready"):
        return None
    elif status.get("phase") == "Failed":
        text, lasting = _words(status.get("reason") or "Failed", status.get("message")), True
    elif "PodScheduled" in conditions and not _true(conditions, "PodScheduled"):
        found = conditions["PodScheduled"]
        text, lasting = _words(found.get("reason", "Unschedulable"), found.get("message")), False
    else:
        text, lasting = _of_containers(status)
    return PodReason(pod=f"{meta['namespace']}/{meta['name']}", text=text, lasting=lasting)


def _true(conditions: dict[str, Any], kind: str) -> bool:
    return bool(conditions.get(kind, {}).get("status") == "True")


def _of_containers(status: dict[str, Any]) -> tuple[str, bool]:
    """The worst of its containers: what lasts, then what failed, then what only starts."""
    found = list(_each(status))
    worst = max(found, key=lambda one: one[0], default=None)
    if worst is None:
        return "it has no container yet", False
    return worst[1], worst[0] == _FAILS_ON


_FAILS_ON, _FAILED, _UNREADY, _STARTS = 3, 2, 1, 0


def _each(status: dict[str, Any]) -> Iterator[tuple[int, str]]:
    every = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for container in every:
        name, state = container["name"], container.get("state") or {}
        if waiting := state.get("waiting"):
            yield _waiting(container, waiting)
        elif (ended := state.get("terminated")) and ended.get("exitCode"):
            yield _FAILED, f"{name}: {_ended(ended)}"
        elif not ended and not container.get("ready"):
            yield _UNREADY, f"{name}: runs, but is not ready"


def _waiting(container: dict[str, Any], waiting: dict[str, Any]) -> tuple[int, str]:
    reason = waiting.get("reason") or "Waiting"
    text = f"{container['name']}: {_words(reason, waiting.get('message'))}"
    if reason in _STARTING:
        return _STARTS, text
    last = (container.get("lastState") or {}).get("terminated")
    if last:
        text += f" (it {_ended(last)})"
    crashes = reason == "CrashLoopBackOff" and container.get("restartCount", 0) >= _CRASHES
    return _FAILS_ON if crashes or reason in _LASTING else _FAILED, text


def _ended(ended: dict[str, Any]) -> str:
    text = f"ended with status {ended.get('exitCode')}"
    return _words(text, ended.get("message")) if ended.get("message") else text


def _words(reason: str, message: str | None) -> str:
    """Reason and message on one line."""
    line = " ".join((message or "").split())
    return f"{reason}: {line[:_LONGEST]}" if line else reason

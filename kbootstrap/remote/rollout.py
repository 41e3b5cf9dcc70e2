"""Waits until workloads have rolled out; ends early if their pods cannot run.

Called by `KubeWriter`. Permanent reasons: `kbootstrap.remote.pod_reasons`.
"""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from kbootstrap import codes
from kbootstrap.action import AwaitRollout
from kbootstrap.errors import PhaseError
from kbootstrap.model.observed import PodReason
from kbootstrap.remote.kubeapi import KubeApi
from kbootstrap.remote.kubehttp import ApiError
from kbootstrap.remote.kubekinds import EVENTS, NODES, PODS, WORKLOADS
from kbootstrap.remote.pod_reasons import CRASHES, LASTS, Patience, reasons
from kbootstrap.remote.workloads import Live, rolled_out, silent_nodes
from kbootstrap.wait import until

LOG_LINES = 10
SHOWN = 5  # reasons in one error; the pods of a DaemonSet have the same one
Workload = tuple[str, str, str]  # kind, namespace, name


def await_rollout(api: KubeApi, action: AwaitRollout) -> None:
    """Wait until all workloads have rolled out.

    Raises:
        PhaseError: KB334, their pods cannot start, or have not within ``action.seconds``.

    """
    patience = Patience(nodes=action.nodes)
    waiting: list[tuple[Workload, tuple[PodReason, ...]]] = []

    def over() -> bool:
        waiting.clear()
        for workload in action.workloads:
            live = _live(api, workload)
            if rolled_out(live) or rolled_out(live, silent_nodes(api.items(NODES))):
                continue
            found = tuple(reasons(_pods(api, live)))
            if permanent := patience.look(found, time.monotonic()):
                raise not_rolled_out(api, workload, "its pods cannot start", permanent)
            waiting.append((workload, (*_paused(live), *found)))
        return not waiting

    if not until(over, action.seconds):
        workload, found = waiting[0]
        raise not_rolled_out(
            api, workload, f"it has not rolled out after {action.seconds} s", found
        )


def _live(api: KubeApi, workload: Workload) -> Live:
    kind, namespace, name = workload
    return api.get(WORKLOADS[kind], name, namespace)


def _pods(api: KubeApi, live: Live) -> list[dict[str, Any]]:
    selector = ",".join(_terms(live["spec"]["selector"]))
    return api.items(PODS, live["metadata"]["namespace"], labels=selector)


def _terms(selector: dict[str, Any]) -> Iterator[str]:
    """A LabelSelector as the API's list calls take it."""
    for key, value in (selector.get("matchLabels") or {}).items():
        yield f"{key}={value}"
    for one in selector.get("matchExpressions") or []:
        values = ",".join(one.get("values") or [])
        yield {
            "In": f"{one['key']} in ({values})",
            "NotIn": f"{one['key']} notin ({values})",
            "Exists": one["key"],
            "DoesNotExist": f"!{one['key']}",
        }[one["operator"]]


def _paused(live: Live) -> Iterator[PodReason]:
    if live["spec"].get("paused"):
        meta = live["metadata"]
        yield PodReason(pod=meta["name"], uid=meta["uid"], reason="paused", message="spec.paused")


def not_rolled_out(
    api: KubeApi, workload: Workload, what: str, found: Iterable[PodReason]
) -> PhaseError:
    """The error KB334, with the reasons and the last lines of containers that ended."""
    kind, namespace, name = workload
    shown = tuple(found)[:SHOWN]
    first = f": {shown[0].reason}" if shown else ""
    lines = last_lines(api, namespace, shown)
    if not any(reason.reason in LASTS for reason in shown):
        lines += _warnings(api, namespace, name)
    return PhaseError(
        codes.NOT_ROLLED_OUT,
        f"{kind} {namespace}/{name}: {what}{first}",
        detail="\n".join(lines),
    )


def last_lines(api: KubeApi, namespace: str, found: Iterable[PodReason]) -> list[str]:
    """Each reason, and the last lines of a container that ended."""
    shown = tuple(found)[:SHOWN]
    return [line for reason in shown for line in _lines(api, namespace, reason)]


def _lines(api: KubeApi, namespace: str, reason: PodReason) -> Iterator[str]:
    yield f"{reason.pod}: {reason.text}"
    if reason.reason == CRASHES:
        yield from (f"  {line}" for line in _log(api, namespace, reason).splitlines())


def _log(api: KubeApi, namespace: str, reason: PodReason) -> str:
    """The log of the container that ended; if it cannot be read, that is said instead."""
    query = {"container": reason.container, "previous": True, "tailLines": LOG_LINES}
    try:
        answer = api.once().log(reason.pod, namespace, **query)
    except (ApiError, PhaseError) as error:
        return f"(its log cannot be read: {error})"
    return answer if isinstance(answer, str) else json.dumps(answer)


def _warnings(api: KubeApi, namespace: str, name: str) -> list[str]:
    """The last warning events about objects of this name, for pods without a permanent reason."""
    try:
        events = api.once().items(EVENTS, namespace, fields="type=Warning")
    except (ApiError, PhaseError):
        return []
    ours = [e for e in events if e["involvedObject"].get("name", "").startswith(name)]
    ours.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    return [f"{e['involvedObject']['name']}: {e['reason']}: {e['message']}" for e in ours[-SHOWN:]]

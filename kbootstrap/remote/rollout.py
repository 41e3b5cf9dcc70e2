"""Waits until workloads have rolled out; ends early if their pods cannot run.

Called by `KubeWriter`. Permanent reasons: `kbootstrap.remote.pod_reasons`.
"""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from kbootstrap import codes
from kbootstrap.action import AwaitRollout
from kbootstrap.errors import PhaseError
from kbootstrap.model.observed import PodReason
from kbootstrap.remote.kubehttp import ApiError, KubeHttp
from kbootstrap.remote.pod_reasons import CRASHES, LASTS, Patience, reasons
from kbootstrap.remote.workloads import Live, rolled_out
from kbootstrap.wait import until

LOG_LINES = 10
SHOWN = 5  # reasons in one error; the pods of a DaemonSet have the same one
Workload = tuple[str, str, str]  # kind, namespace, name


def await_rollout(http: KubeHttp, action: AwaitRollout) -> None:
    """Wait until all workloads have rolled out.

    Raises:
        PhaseError: KB334, their pods cannot start, or have not within ``action.seconds``.

    """
    patience = Patience(nodes=action.nodes)
    waiting: list[tuple[Workload, tuple[PodReason, ...]]] = []

    def over() -> bool:
        waiting.clear()
        for workload in action.workloads:
            live = _live(http, workload)
            if rolled_out(live):
                continue
            found = tuple(reasons(_pods(http, live)))
            if permanent := patience.look(found, time.monotonic()):
                raise _error(http, workload, "its pods cannot start", permanent)
            waiting.append((workload, (*_paused(live), *found)))
        return not waiting

    if not until(over, action.seconds):
        workload, found = waiting[0]
        raise _error(http, workload, f"it has not rolled out after {action.seconds} s", found)


def _live(http: KubeHttp, workload: Workload) -> Live:
    kind, namespace, name = workload
    path = f"/apis/apps/v1/namespaces/{namespace}/{kind.lower()}s/{name}"
    live: Live = http.request("GET", path)
    return live


def _pods(http: KubeHttp, live: Live) -> list[dict[str, Any]]:
    selector = quote(",".join(_terms(live["spec"]["selector"])))
    namespace = live["metadata"]["namespace"]
    path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}"
    items: list[dict[str, Any]] = http.request("GET", path)["items"]
    return items


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


def _error(http: KubeHttp, workload: Workload, what: str, found: Iterable[PodReason]) -> PhaseError:
    kind, namespace, name = workload
    shown = tuple(found)[:SHOWN]
    first = f": {shown[0].reason}" if shown else ""
    lines = [line for reason in shown for line in _lines(http, namespace, reason)]
    if not any(reason.reason in LASTS for reason in shown):
        lines += _warnings(http, namespace, name)
    return PhaseError(
        codes.NOT_ROLLED_OUT,
        f"{kind} {namespace}/{name}: {what}{first}",
        detail="\n".join(lines),
    )


def _lines(http: KubeHttp, namespace: str, reason: PodReason) -> Iterator[str]:
    yield f"{reason.pod}: {reason.text}"
    if reason.reason == CRASHES:
        query = f"container={reason.container}&previous=true&tailLines={LOG_LINES}"
        path = f"/api/v1/namespaces/{namespace}/pods/{reason.pod}/log?{query}"
        yield from (f"  {line}" for line in _text(http, path).splitlines())


def _text(http: KubeHttp, path: str) -> str:
    """A container's log; if it cannot be read, that is said instead."""
    try:
        answer = http.request("GET", path, patient=False)
    except (ApiError, PhaseError) as error:
        return f"(its log cannot be read: {error})"
    return answer if isinstance(answer, str) else json.dumps(answer)


def _warnings(http: KubeHttp, namespace: str, name: str) -> list[str]:
    """The last warning events about objects of this name, for pods without a permanent reason."""
    path = f"/api/v1/namespaces/{namespace}/events?fieldSelector=type%3DWarning"
    try:
        events = http.request("GET", path, patient=False)["items"]
    except (ApiError, PhaseError):
        return []
    ours = [e for e in events if e["involvedObject"].get("name", "").startswith(name)]
    ours.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    return [f"{e['involvedObject']['name']}: {e['reason']}: {e['message']}" for e in ours[-SHOWN:]]

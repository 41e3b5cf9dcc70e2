"""Why pods do not start, in their own words, and which reasons do not pass by themselves; pure.

Sources: kubelet, pkg/kubelet/images/types.go and container/sync_result.go, for the reasons;
https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff for the back-off.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Pod = dict[str, Any]  # as the API answers it
PULL_FAILED = "ErrImagePull"  # a try has just failed; the next one is later
PULLS = frozenset({PULL_FAILED, "ImagePullBackOff", "RegistryUnavailable"})
CRASHES = "CrashLoopBackOff"
UNSCHEDULABLE = "Unschedulable"
# Seconds after which a reason that is still there counts as permanent. The shortest is for the
# pods of the form before, which their controller is about to delete.
LASTS = {
    "InvalidImageName": 5,
    "ErrImageNeverPull": 5,
    CRASHES: 5,
    "CreateContainerError": 30,
    "CreateContainerConfigError": 30,
    "RunContainerError": 30,
    UNSCHEDULABLE: 30,
} | dict.fromkeys(PULLS, 60)
PULL_TRIES = 2  # the second comes after the kubelet's back-off of 10 s
CRASH_RESTARTS = 3  # an agent may end once or twice until the API's service is routed
_COMING = re.compile(r"node\.(cloudprovider\.)?kubernetes\.io/")  # taints of a node that is new
_SCHEDULED_AMONG = re.compile(r"\d+/(\d+) nodes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One reason why a pod does not run.

    Attributes:
        pod: its name.
        uid: of the pod, since a StatefulSet gives the same name again.
        container: empty if the pod has no node yet.
        restarts: of the container.

    """

    pod: str
    uid: str
    reason: str
    message: str = ""
    container: str = ""
    restarts: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """The same trouble at another moment has the same one."""
        return self.uid, self.container

    @property
    def text(self) -> str:
        """One line."""
        place = f"{self.pod}, container {self.container}" if self.container else self.pod
        return ": ".join(filter(None, (place, self.reason, self.message)))


def troubles(pods: Iterable[Pod]) -> Iterator[Trouble]:
    """Every reason why these pods do not run; pods that end are passed over."""
    for pod in pods:
        meta, status = pod["metadata"], pod.get("status") or {}
        if meta.get("deletionTimestamp"):
            continue
        for condition in status.get("conditions") or []:
            if condition.get("reason") == UNSCHEDULABLE:
                yield Trouble(
                    pod=meta["name"],
                    uid=meta["uid"],
                    reason=UNSCHEDULABLE,
                    message=condition.get("message", ""),
                )
        for kind in ("initContainerStatuses", "containerStatuses"):
            for container in status.get(kind) or []:
                yield from _waiting(meta, container)


def _waiting(meta: dict[str, Any], container: dict[str, Any]) -> Iterator[Trouble]:
    waiting = (container.get("state") or {}).get("waiting") or {}
    if waiting.get("reason") in LASTS:
        yield Trouble(
            pod=meta["name"],
            uid=meta["uid"],
            reason=waiting["reason"],
            message=waiting.get("message", ""),
            container=container["name"],
            restarts=container.get("restartCount", 0),
        )


@dataclass
class Patience:
    """Tells which troubles have lasted too long to pass by themselves.

    Attributes:
        nodes: how many the cluster is to have; pods without a node wait for all of them.

    """

    nodes: int
    _since: dict[tuple[str, str], float] = field(default_factory=dict)
    _last: dict[tuple[str, str], Trouble] = field(default_factory=dict)
    _pulls: dict[tuple[str, str], int] = field(default_factory=dict)  # tries that failed
    _words: dict[tuple[str, str], str] = field(default_factory=dict)  # of the failed try

    def look(self, found: Iterable[Trouble], now: float) -> tuple[Trouble, ...]:
        """Take in what is found at ``now``, in seconds; the troubles that do not pass."""
        current = {trouble.key: trouble for trouble in found}
        for key, trouble in current.items():
            before = self._last.get(key)
            if before is None or _kind(before) != _kind(trouble):
                self._since[key] = now
            if trouble.reason == PULL_FAILED and (not before or before.reason != PULL_FAILED):
                self._pulls[key] = self._pulls.get(key, 0) + 1
        self._last |= current
        return tuple(t for t in current.values() if self._is_permanent(t, now - self._since[t.key]))

    def _is_permanent(self, trouble: Trouble, seconds: float) -> bool:
        if trouble.reason in PULLS and self._pulls.get(trouble.key, 0) >= PULL_TRIES:
            return True
        if trouble.reason == CRASHES and trouble.restarts < CRASH_RESTARTS:
            return False
        if trouble.reason == UNSCHEDULABLE and self._more_nodes_come(trouble):
            return False
        return seconds >= LASTS[trouble.reason]

    def _more_nodes_come(self, trouble: Trouble) -> bool:
        among = _SCHEDULED_AMONG.search(trouble.message)
        return (among is not None and int(among[1]) < self.nodes) or bool(
            _COMING.search(trouble.message)
        )


def _kind(trouble: Trouble) -> str:
    return PULL_FAILED if trouble.reason in PULLS else trouble.reason

"""Replaces the pods of kube-proxy after its ConfigMap was changed; called by `KubeWriter`.

The DaemonSet has the strategy OnDelete meanwhile, so that no pod is replaced before the first one
has run for `STABLE` seconds: kubeadm's DaemonSet has no readiness probe, and its own rollout would
take a process that ends after a second for a ready one. An annotation of the DaemonSet has what was
before, until the change has ended: an interrupted one is continued, or still undone.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes
from kbootstrap.action import RollOutProxy
from kbootstrap.errors import PhaseError
from kbootstrap.model.observed import (
    CONFIG_SUM,
    KUBE_PROXY,
    KUBE_PROXY_BEFORE,
    LAST_APPLIED,
    PodReason,
)
from kbootstrap.remote.answers import reading
from kbootstrap.remote.kubeapi import KubeApi
from kbootstrap.remote.kubehttp import NOT_FOUND, ApiError
from kbootstrap.remote.kubekinds import CONFIG_MAPS, DAEMON_SETS, NODES, PODS
from kbootstrap.remote.kubeobjects import SYSTEM
from kbootstrap.remote.pod_reasons import Patience, reasons
from kbootstrap.remote.proxy_pods import ENTRY, config_of, config_sum, is_older
from kbootstrap.remote.rollout import last_lines
from kbootstrap.remote.workloads import silent
from kbootstrap.wait import until

STABLE = 10  # seconds for which a process has to run; one with a wrong setting ends at once
ABSENT = 60  # for the DaemonSet's controller to make a pod that was deleted
PART = "kube_proxy"  # the inventory's key, and the entry in the record
Live = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Before:
    """What a change replaces, as `KUBE_PROXY_BEFORE` has it."""

    config: str
    record: str
    strategy: Live
    sum: str | None  # of the pod template


class _DownError(Exception):
    """Pods that do not run."""

    def __init__(self, found: Iterable[PodReason]) -> None:
        super().__init__()
        self.found = tuple(found)


def keep(api: KubeApi) -> None:
    """Record what is before a change, and on each pod what it runs with, as far as it is known."""
    daemon_set = api.get(DAEMON_SETS, KUBE_PROXY, SYSTEM)
    if KUBE_PROXY_BEFORE in (daemon_set["metadata"].get("annotations") or {}):
        return
    config_map = api.get(CONFIG_MAPS, KUBE_PROXY, SYSTEM)
    record = api.find(CONFIG_MAPS, LAST_APPLIED, SYSTEM) or {}
    template = daemon_set["spec"]["template"].get("metadata") or {}
    before = {
        "config": config_of(config_map),
        "record": (record.get("data") or {}).get(PART, "{}"),
        "strategy": daemon_set["spec"].get("updateStrategy") or {"type": "RollingUpdate"},
        "sum": (template.get("annotations") or {}).get(CONFIG_SUM),
    }
    known = {CONFIG_SUM: config_sum(config_of(config_map))}
    for pod in api.items(PODS, SYSTEM, labels=f"k8s-app={KUBE_PROXY}"):
        if CONFIG_SUM not in (pod["metadata"].get("annotations") or {}) and not is_older(
            pod, config_map
        ):
            _note(api, pod, known)
    notes = {KUBE_PROXY_BEFORE: json.dumps(before)}
    api.patch(DAEMON_SETS, KUBE_PROXY, {"metadata": {"annotations": notes}}, SYSTEM)


def roll_out(api: KubeApi, action: RollOutProxy) -> None:
    """Replace the pods that run with another configuration.

    Raises:
        PhaseError: KB327, one does not run; the configuration before the change is back.

    """
    keep(api)
    _Rollout(api, action).run()


def _note(api: KubeApi, pod: Live, notes: dict[str, str]) -> None:
    try:
        api.patch(PODS, pod["metadata"]["name"], {"metadata": {"annotations": notes}}, SYSTEM)
    except ApiError as error:
        if error.status != NOT_FOUND:  # it has just ended
            raise


class _Rollout:
    """One rollout; ``target`` is the hash of the configuration that the pods are to have."""

    def __init__(self, api: KubeApi, action: RollOutProxy) -> None:
        self._api, self._action = api, action
        daemon_set = api.get(DAEMON_SETS, KUBE_PROXY, SYSTEM)
        self._desired = (daemon_set.get("status") or {}).get("desiredNumberScheduled", 0)
        with reading("what kube-proxy had before its change"):
            notes = daemon_set["metadata"]["annotations"]
            self._before = Before(**json.loads(notes[KUBE_PROXY_BEFORE]))

    def run(self) -> None:
        """Replace them, or undo the change."""
        target, before = config_sum(config_of(self._config_map())), self._before
        unchanged = target == config_sum(before.config)
        self._template(target)
        try:
            self._replace()
        except _DownError as down:
            raise self._undone(target, down, unchanged=unchanged) from None
        self._end()

    def _replace(self) -> None:
        """The pods that are new already, then one, then some at once."""
        until(lambda: len(self._pods()) >= self._desired - len(self._silent()), ABSENT)
        config_map = self._config_map()
        pods = sorted(self._pods(), key=lambda pod: (not [*reasons([pod])], _node(pod)))
        stale = [pod for pod in pods if is_older(pod, config_map)]
        self._await({_node(pod) for pod in pods if pod not in stale and [*reasons([pod])]})
        size = self._action.at_once
        rest = [stale[at : at + size] for at in range(1, len(stale), size)]
        for batch in filter(None, (stale[:1], *rest)):
            for pod in batch:
                self._api.remove(PODS, pod["metadata"]["name"], SYSTEM)
            self._await({_node(pod) for pod in batch})

    def _await(self, nodes: set[str]) -> None:
        """Wait until a pod with the stored configuration has run on each node for a while."""
        patience, since = Patience(), dict[str, tuple[object, float]]()
        found: tuple[PodReason, ...] = ()

        def settled() -> bool:
            nonlocal found
            config_map, now = self._config_map(), time.monotonic()
            here = {_node(p): p for p in self._pods() if not is_older(p, config_map)}
            found = tuple(reasons(here[node] for node in nodes if node in here))
            if permanent := patience.look(found, now):
                raise _DownError(permanent)
            waited = nodes - self._silent()
            for node in waited:
                mark = _running(here[node]) if node in here else None
                if mark is None or since.get(node, (None, 0))[0] != mark:
                    since[node] = mark, now
            return all(since[n][0] and now - since[n][1] >= STABLE for n in waited)

        if nodes and not until(settled, self._action.seconds):
            raise _DownError(found)

    def _undone(self, target: str, down: _DownError, *, unchanged: bool) -> PhaseError:
        """Put the configuration before the change back; returns the error of the step."""
        lines, first = last_lines(self._api, SYSTEM, down.found), next(iter(down.found), None)
        place = self._where(first) if first else ""
        state = "no older configuration is known; the pods on other nodes were not replaced"
        if not unchanged:
            state = self._put_back(target)
        self._end()
        reason = f": {first.reason}" if first else f" after {self._action.seconds} s"
        return PhaseError(
            codes.PROXY_REVERTED,
            f"kube-proxy does not run with its configuration{place}{reason}",
            detail="\n".join((*lines, state)),
        )

    def _put_back(self, target: str) -> str:
        """The old ConfigMap, record and pod template, and new pods where a new one was."""
        before, api = self._before, self._api
        failed = [pod for pod in self._pods() if _sum(pod) == target]
        api.patch(CONFIG_MAPS, KUBE_PROXY, {"data": {ENTRY: before.config}}, SYSTEM)
        api.patch(CONFIG_MAPS, LAST_APPLIED, {"data": {PART: before.record}}, SYSTEM)
        self._template(config_sum(before.config))
        for pod in failed:
            self._api.remove(PODS, pod["metadata"]["name"], SYSTEM)
        try:
            self._await({_node(pod) for pod in failed})
        except _DownError as again:
            lines = last_lines(api, SYSTEM, again.found)
            return "\n".join(("the old ConfigMap is back, but kube-proxy does not run:", *lines))
        return "the old ConfigMap is back, and kube-proxy runs with it"

    def _template(self, target: str) -> None:
        """Pods from now on have this hash; the controller replaces none by itself.

        The template of before stays as it was, so that pods of it are not replaced in the end.
        """
        before = self._before
        old = before.sum is None and target == config_sum(before.config)
        config = None if old else target
        live = self._api.get(DAEMON_SETS, KUBE_PROXY, SYSTEM)["spec"]
        spec: Live = {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}
        held = ((live["template"].get("metadata") or {}).get("annotations") or {}).get(CONFIG_SUM)
        if held != config:
            spec["template"] = {"metadata": {"annotations": {CONFIG_SUM: config}}}
        self._api.patch(DAEMON_SETS, KUBE_PROXY, {"spec": spec}, SYSTEM)

    def _end(self) -> None:
        notes = {KUBE_PROXY_BEFORE: None}
        body = {
            "metadata": {"annotations": notes},
            "spec": {"updateStrategy": self._before.strategy},
        }
        self._api.patch(DAEMON_SETS, KUBE_PROXY, body, SYSTEM)

    def _config_map(self) -> Live:
        return self._api.get(CONFIG_MAPS, KUBE_PROXY, SYSTEM)

    def _pods(self) -> list[Live]:
        """Those on nodes whose kubelet reports, except terminating ones."""
        found = self._api.items(PODS, SYSTEM, labels=f"k8s-app={KUBE_PROXY}")
        nowhere = {"", *self._silent()}
        return [
            pod
            for pod in found
            if not pod["metadata"].get("deletionTimestamp") and _node(pod) not in nowhere
        ]

    def _silent(self) -> set[str]:
        return silent(self._api.items(NODES))

    def _where(self, reason: PodReason) -> str:
        nodes = [_node(pod) for pod in self._pods() if pod["metadata"]["name"] == reason.pod]
        return f" on {nodes[0]}" if nodes else ""


def _node(pod: Live) -> str:
    return str((pod.get("spec") or {}).get("nodeName", ""))


def _sum(pod: Live) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(CONFIG_SUM, ""))


def _running(pod: Live) -> tuple[object, ...] | None:
    """Identifies the processes of a pod that runs."""
    if [*reasons([pod])]:
        return None
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    return pod["metadata"]["uid"], *(one.get("restartCount") for one in containers)

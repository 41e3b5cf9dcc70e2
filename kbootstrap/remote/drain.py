"""Drains a node as ``kubectl drain`` does: evictions, PodDisruptionBudgets, a deadline."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kbootstrap import codes
from kbootstrap.action import Drain
from kbootstrap.errors import PhaseError
from kbootstrap.remote.kubeapi import KubeApi
from kbootstrap.remote.kubehttp import NOT_FOUND, ApiError
from kbootstrap.remote.kubekinds import BUDGETS, EVICTIONS, PODS
from kbootstrap.remote.selectors import selects
from kbootstrap.wait import until

_MIRROR = "kubernetes.io/config.mirror"
Pod = dict[str, Any]
FORCE, EMPTY_DIRS = "--force-drain", "--delete-emptydir-data"


@dataclass(frozen=True, slots=True)
class Held:
    """A pod that a drain refuses to evict, as ``kubectl drain`` does.

    Attributes:
        node: the node on which it runs.
        pod: namespace/name.
        why: what would be lost.
        flag: the flag that allows it.

    """

    node: str
    pod: str
    why: str
    flag: str

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.pod}: {self.why}; {self.flag} evicts it anyway"


@dataclass(frozen=True, slots=True)
class Budgeted:
    """A pod that no drain can evict.

    Attributes:
        node: the node on which it runs.
        pod: namespace/name.
        budget: namespace/name of the PodDisruptionBudget that forbids it.

    """

    node: str
    pod: str
    budget: str


def drain(api: KubeApi, action: Drain) -> None:
    """Evict every pod that has to be evicted, and wait until they are gone.

    Raises:
        PhaseError: KB333 names the pods that were not evicted, with the reason; KB353 those that
            would lose data and are not allowed to by the action.

    """
    blocked: dict[str, str] = {}

    def empty() -> bool:
        pods = [pod for pod in _pods(api, action.node) if _must_go(pod)]
        blocked.clear()
        for pod in pods:
            blocked[_name(pod)] = _evict(api, pod)
        return not pods

    _refuse(api, action)
    if not until(empty, action.seconds):
        lines = "\n".join(f"{name}: {why}" for name, why in sorted(blocked.items()))
        raise PhaseError(codes.DRAIN_BLOCKED, f"pods remain after {action.seconds} s", detail=lines)


def busy_nodes(api: KubeApi) -> frozenset[str]:
    """The nodes with pods that a drain would evict."""
    pods = api.items(PODS)
    return frozenset(pod["spec"].get("nodeName", "") for pod in pods if _must_go(pod)) - {""}


def held_pods(api: KubeApi) -> tuple[Held, ...]:
    """Every pod of the cluster that a drain without flags would refuse to evict."""
    return tuple(held for pod in api.items(PODS) for held in _holds(pod))


def is_allowed(held: Held, action: Drain) -> bool:
    """Whether the user's flags allow the eviction of this pod."""
    return {FORCE: action.force, EMPTY_DIRS: action.empty_dirs}[held.flag]


def _refuse(api: KubeApi, action: Drain) -> None:
    """Refuse if a pod or its data would be lost and no flag allows it."""
    found = [held for pod in _pods(api, action.node) for held in _holds(pod)]
    refused = [held.text for held in found if not is_allowed(held, action)]
    if refused:
        raise PhaseError(
            codes.DRAIN_REFUSED,
            f"a drain of {action.node} would lose pods or their data",
            detail="\n".join(refused),
        )


def _holds(pod: Pod) -> Iterator[Held]:
    if not _must_go(pod):
        return
    node = pod["spec"].get("nodeName", "")
    if not pod["metadata"].get("ownerReferences"):
        yield Held(node, _name(pod), "no controller recreates it", FORCE)
    volumes = pod["spec"].get("volumes") or []
    if any("emptyDir" in volume for volume in volumes):
        yield Held(node, _name(pod), "the data of its emptyDir would be deleted", EMPTY_DIRS)


def budgeted_pods(api: KubeApi) -> tuple[Budgeted, ...]:
    """Every pod that a drain would have to evict, and a budget never lets it."""
    budgets = [budget for budget in api.items(BUDGETS) if _allows_none(budget)]
    pods = [pod for pod in api.items(PODS) if _must_go(pod)] if budgets else []
    return tuple(
        Budgeted(pod["spec"].get("nodeName", ""), _name(pod), _name(budget))
        for budget in budgets
        for pod in pods
        if _guards(budget, pod)
    )


def _allows_none(budget: Pod) -> bool:
    """Whether it forbids evictions also while every pod is healthy."""
    status = budget.get("status") or {}
    expected = int(status.get("expectedPods") or 0)
    return 0 < expected <= int(status.get("desiredHealthy") or 0)


def _guards(budget: Pod, pod: Pod) -> bool:
    here = budget["metadata"]["namespace"] == pod["metadata"]["namespace"]
    selector = (budget.get("spec") or {}).get("selector")
    labels = pod["metadata"].get("labels") or {}
    return here and selector is not None and selects(selector, labels)


def _pods(api: KubeApi, node: str) -> list[Pod]:
    return api.items(PODS, fields=f"spec.nodeName={node}")


def _must_go(pod: Pod) -> bool:
    """Whether it is no mirror pod, no pod of a DaemonSet, and has not ended."""
    meta = pod["metadata"]
    owners = {owner["kind"] for owner in meta.get("ownerReferences") or []}
    ended = (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
    return (
        _MIRROR not in (meta.get("annotations") or {}) and "DaemonSet" not in owners and not ended
    )


def _name(pod: Pod) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _evict(api: KubeApi, pod: Pod) -> str:
    """Request the eviction; returns why the pod is still there."""
    meta = pod["metadata"]
    if meta.get("deletionTimestamp"):
        return "is terminating"
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
    }
    try:
        api.once().create(EVICTIONS, body, meta["name"])
    except ApiError as error:  # 429: a budget forbids it now
        if not error.passes and error.status != NOT_FOUND:
            raise
        return str(error)
    except PhaseError as error:  # if it lasts, the next list of pods fails, too
        return error.message
    return "is terminating"

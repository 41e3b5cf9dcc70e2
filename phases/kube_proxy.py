"""Applies changed settings of kube-proxy: the ConfigMap, then its pods, one before the others.

A pod runs with what the ConfigMap had when it started, so the pods are compared, not only the
ConfigMap. If the first one does not run, the old ConfigMap is put back (`RollOutProxy`).
"""

from collections.abc import Iterator
from dataclasses import replace

from kbootstrap.action import Action, Risk, RollOutProxy, SetStored
from kbootstrap.drift import stored
from kbootstrap.engine.phase import NoFacts, Phase, View, forward, on_first
from kbootstrap.model.observed import KUBE_PROXY, Observed
from phases import cluster_config


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Change what differs, then the pods that run with something else."""
    if not view.cluster.addons.kube_proxy:
        return
    for action in tuple(_change(view)):
        yield action
        view = forward(view, (action,))
    why = _why(view.api)
    if why and KUBE_PROXY in view.api.workloads:
        pods = view.api.with_proxies(older=False)
        effect = {"api": {"own_pods": pods, "kube_proxy_open": False}}
        yield RollOutProxy(why=why, risk=Risk.RESTART, effect=effect)


def _change(view: View[NoFacts]) -> Iterator[SetStored]:
    for action in cluster_config.changed(view, stored.KUBE_PROXY):
        pods = {"own_pods": view.api.with_proxies(older=True), "kube_proxy_open": True}
        api: object = action.effect["api"]
        if action.changes and isinstance(api, dict):
            action = replace(action, effect={"api": api | pods})  # noqa: PLW2901
        yield action


def _why(api: Observed) -> str:
    if any(pod.older for pod in api.own_pods if pod.name == KUBE_PROXY and pod.node):
        return "its pods are older than the ConfigMap"
    return "an earlier change was interrupted" if api.kube_proxy_open else ""


PHASE = Phase(
    id="kube-proxy",
    title="Settings of kube-proxy",
    facts=NoFacts,
    plan=plan,
    on=on_first,
    api=True,
)

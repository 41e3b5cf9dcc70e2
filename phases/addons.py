"""Installs kubeadm's addons that are missing in a finished cluster, and removes unwanted ones.

``kubeadm init`` installs them first; this phase repairs one that was deleted, and installs one
that the inventory enables later, by kubeadm's addon phases. Only what kubeadm made is removed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import kubeadm
from kbootstrap.action import Action, RemoveAddon, Risk, Run, SwitchAddon
from kbootstrap.engine.leftovers import Leftovers
from kbootstrap.engine.phase import NoFacts, Phase, View, forward, on_first
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.document import EMPTY, Document
from kbootstrap.render import render
from phases import init


@dataclass(frozen=True, slots=True)
class Addon:
    """An addon of kubeadm.

    Attributes:
        name: of its ConfigMap and its workload, and of kubeadm's phase.
        key: its field in ClusterConfiguration.
        objects: kind and name of what kubeadm makes for it; the ConfigMap shows that it is there,
            so it is deleted last.

    """

    name: str
    key: str
    objects: tuple[tuple[str, str], ...]


DNS = Addon(
    "coredns",
    "dns",
    (
        ("Deployment", "coredns"),
        ("Service", "kube-dns"),
        ("ClusterRoleBinding", "system:coredns"),
        ("ClusterRole", "system:coredns"),
        ("ServiceAccount", "coredns"),
        ("ConfigMap", "coredns"),
    ),
)
PROXY = Addon(
    "kube-proxy",
    "proxy",
    (
        ("DaemonSet", "kube-proxy"),
        ("RoleBinding", "kube-proxy"),
        ("Role", "kube-proxy"),
        ("ClusterRoleBinding", "kubeadm:node-proxier"),
        ("ServiceAccount", "kube-proxy"),
        ("ConfigMap", "kube-proxy"),
    ),
)


def wanted(cluster: Cluster) -> tuple[Addon, ...]:
    """The addons that the inventory enables."""
    asked = ((DNS, cluster.addons.dns), (PROXY, cluster.addons.kube_proxy))
    return tuple(addon for addon, on in asked if on)


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Nothing before kubeadm init, which installs them all."""
    if not view.api.config_maps >= init.STORED:
        return
    for addon in (DNS, PROXY):
        on = addon in wanted(view.cluster)
        for decide in (_enable, _install) if on else (_remove, _disable):
            for action in tuple(decide(view, addon)):
                yield action
                view = forward(view, (action,))


def _enable(view: View[NoFacts], addon: Addon) -> Iterator[Action]:
    if _is_disabled(view, addon):
        yield _switch(view, addon, "kubeadm would skip it at the next upgrade", on=True)


def _disable(view: View[NoFacts], addon: Addon) -> Iterator[Action]:
    """The field exists since v1beta4; before, an upgrade skips an addon without a ConfigMap."""
    known = view.cluster.version.kubeadm_api == "v1beta4" and view.api.kubeadm_config
    if known and not _is_disabled(view, addon):
        yield _switch(view, addon, "kubeadm would install it at the next upgrade", on=False)


def _is_disabled(view: View[NoFacts], addon: Addon) -> bool:
    return bool((view.api.kubeadm_config.data.get(addon.key) or {}).get("disabled"))


def _switch(view: View[NoFacts], addon: Addon, why: str, *, on: bool) -> Action:
    stored = view.api.kubeadm_config.data
    others = {k: v for k, v in (stored.get(addon.key) or {}).items() if k != "disabled"}
    section = others if on else {**others, "disabled": True}
    effect = {"api": {"kubeadm_config": Document.of({**stored, addon.key: section})}}
    return SwitchAddon(why=why, addon=addon.name, key=addon.key, on=on, effect=effect)


def _remove(view: View[NoFacts], addon: Addon) -> Iterator[Action]:
    api = view.api
    if addon.name in api.made_by_kubeadm:
        after: dict[str, object] = {
            name: getattr(api, name) - {addon.name}
            for name in ("config_maps", "workloads", "made_by_kubeadm")
        }
        if addon is PROXY:
            after |= {"kube_proxy_config": EMPTY, "kube_proxy_open": False}
        yield RemoveAddon(
            why="the inventory disables it",
            addon=addon.name,
            objects=addon.objects,
            risk=Risk.DISRUPT,
            effect={"api": after},
        )


def _install(view: View[NoFacts], addon: Addon) -> Iterator[Action]:
    maps, workloads = view.api.config_maps, view.api.workloads
    if not (addon.name in maps and addon.name in workloads):
        after = {
            "config_maps": maps | {addon.name},
            "workloads": workloads | {addon.name},
            "made_by_kubeadm": view.api.made_by_kubeadm | {addon.name},
        }
        yield Run(
            why="it is not in the cluster",
            title=f"kubeadm init phase addon {addon.name}",
            body=render("kubeadm/addon.sh.j2", addon=addon.name, config=kubeadm.CONFIG),
            effect={"api": after},
        )


def leaves(cluster: Cluster, node: Node) -> Leftovers:
    """What kube-proxy makes in each of its modes, and NodeLocal DNSCache."""
    del cluster, node
    return Leftovers(
        links=("kube-ipvs0", "nodelocaldns"),
        chains=("KUBE-",),
        ipsets=("KUBE-",),
        nft_tables=("kube-proxy",),
        empty=("/lib/modules",),  # kube-proxy's volume makes it where there is none
    )


PHASE = Phase(
    id="addons",
    title="kubeadm's addons",
    facts=NoFacts,
    plan=plan,
    leaves=leaves,
    on=on_first,
    api=True,
)

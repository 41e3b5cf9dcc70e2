"""Installs kubeadm's addons that are missing in a finished cluster, by kubeadm's addon phases.

``kubeadm init`` installs them first; this phase repairs one that was deleted, and installs one
that the inventory enables later.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap import kubeadm
from kbootstrap.action import Action, EnableAddon, Run
from kbootstrap.engine.leftovers import Leftovers
from kbootstrap.engine.phase import NoFacts, Phase, View, forward, on_first
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.document import Document
from kbootstrap.render import render
from phases import init


@dataclass(frozen=True, slots=True)
class Addon:
    """An addon: its objects' name, kubeadm's phase, and its key in ClusterConfiguration."""

    name: str
    phase: str
    key: str


DNS = Addon("coredns", "coredns", "dns")
PROXY = Addon("kube-proxy", "kube-proxy", "proxy")


def wanted(cluster: Cluster) -> tuple[Addon, ...]:
    """The addons that the inventory enables."""
    asked = ((DNS, cluster.addons.dns), (PROXY, cluster.addons.kube_proxy))
    return tuple(addon for addon, on in asked if on)


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Nothing before kubeadm init, which installs them all."""
    if not view.api.config_maps >= init.STORED:
        return
    for addon in wanted(view.cluster):
        for decide in (_enable, _install):
            for action in tuple(decide(view, addon)):
                yield action
                view = forward(view, (action,))


def _enable(view: View[NoFacts], addon: Addon) -> Iterator[Action]:
    stored = view.api.kubeadm_config.data
    if (stored.get(addon.key) or {}).get("disabled"):
        enabled = {**stored, addon.key: {**stored[addon.key], "disabled": False}}
        yield EnableAddon(
            why="kubeadm would skip it at the next upgrade",
            addon=addon.name,
            key=addon.key,
            effect={"api": {"kubeadm_config": Document.of(enabled)}},
        )


def _install(view: View[NoFacts], addon: Addon) -> Iterator[Action]:
    maps, workloads = view.api.config_maps, view.api.workloads
    if not (addon.name in maps and addon.name in workloads):
        after = {"config_maps": maps | {addon.name}, "workloads": workloads | {addon.name}}
        yield Run(
            why="it is not in the cluster",
            title=f"kubeadm init phase addon {addon.phase}",
            body=render("kubeadm/addon.sh.j2", addon=addon.phase, config=kubeadm.CONFIG),
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

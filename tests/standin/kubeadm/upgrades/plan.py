"""kubeadm upgrade plan."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.standin import stamp
from tests.standin.common import kube
from tests.standin.common.klog import FatalError
from tests.standin.kubeadm import images, preflight, upload
from tests.standin.kubeadm.config import net

from . import health, policy
from .data import Data, read

_PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_TABLE = """
The table below shows the current state of component configs as understood by this version of kubeadm.
Configs that have a "yes" mark in the "MANUAL UPGRADE REQUIRED" column require manual config upgrade or
resetting to kubeadm defaults before a successful upgrade can be performed. The version to manually
upgrade to is denoted in the "PREFERRED VERSION" column.
"""  # noqa: E501
_LINE = "_____________________________________________________________________\n"
Row = dict[str, str]


def run(data: Data, version: str) -> None:
    """Print nothing when there is nothing to do; progress only as text."""
    as_json = data.flags.get("output") == "json"
    out = sys.stderr if as_json else sys.stdout

    def say(text: str) -> None:
        if not as_json:
            out.write(text + "\n")
            out.flush()

    say("[preflight] Running pre-flight checks.")
    preflight.root(data.ignore)
    health.coredns(data.api, data.ignore)
    if as_json:
        data.config = read(data.api)
    else:
        upload.announce_reading("upgrade/config")
        data.config = read(data.api)
    _health(data, quiet=as_json)
    say("[upgrade] Fetching available versions to upgrade to")
    current = policy.cluster_version(data.api)
    say(f"[upgrade/versions] Cluster version: {current.lstrip('v')}")
    say(f"[upgrade/versions] kubeadm version: {stamp.VERSION}")
    target = net.normalize_version(version) if version else stamp.VERSION
    say(f"[upgrade/versions] Target version: {target}")
    minor = ".".join(map(str, net.semantic(current)[:2]))
    description = f"version in the v{minor} series"
    say(f"[upgrade/versions] Latest {description}: {target}")
    if net.semantic(target) <= net.semantic(current):
        return
    say("")
    components = _components(data, current, target)
    if as_json:
        print(json.dumps(_object(description, components), indent=4))
    else:
        _text(description, target, components)


def _health(data: Data, *, quiet: bool) -> None:
    try:
        health.cluster(data.api, data.config, data.ignore, quiet=quiet)
    except FatalError as err:
        raise FatalError(f"[upgrade/health] FATAL: {err}") from err


def _component(name: str, before: str, after: str, node: str = "") -> Row:
    row = {"name": name, "currentVersion": before, "newVersion": after}
    return {**row, "nodeName": node} if node else row


def _components(data: Data, current: str, target: str) -> list[Row]:
    api, cluster = data.api, data.config.cluster
    rows = []
    kubelets = policy.kubelet_versions(api)
    if list(kubelets) != [target]:
        rows += [
            _component("kubelet", v, target, n)
            for v in sorted(kubelets)
            for n in sorted(kubelets[v])
        ]
    for part in _PARTS:
        rows += [_component(part, tag, target, node) for tag, node in _pods(data, part)]
    rows.append(_component("kube-proxy", current.lstrip("v"), target))
    dns = api.find(kube.path("deployments", "kube-system", "coredns", group="apps"))
    tag = ""
    if dns:
        tag = dns["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]
    rows.append(_component("CoreDNS", tag, images.COREDNS))
    wanted = {**cluster, "kubernetesVersion": target, "etcd": {"local": {}}}
    rows += [
        _component("etcd", tag, images.etcd_tag(wanted), node) for tag, node in _pods(data, "etcd")
    ]
    return rows


def _pods(data: Data, component: str) -> list[tuple[str, str]]:
    path = kube.path("pods", "kube-system") + f"?labelSelector=component={component}"
    return sorted(
        (p["spec"]["containers"][0]["image"].rpartition(":")[2], p["spec"]["nodeName"])
        for p in data.api.items(path)
    )


def _configs() -> list[dict[str, Any]]:
    return [
        {
            "group": group,
            "currentVersion": version,
            "preferredVersion": version,
            "manualUpgradeRequired": False,
        }
        for group, version in (
            ("kubeproxy.config.k8s.io", "v1alpha1"),
            ("kubelet.config.k8s.io", "v1beta1"),
        )
    ]


def _object(description: str, components: list[Row]) -> dict[str, Any]:
    return {
        "kind": "UpgradePlan",
        "apiVersion": "output.kubeadm.k8s.io/v1alpha3",
        "availableUpgrades": [{"description": description, "components": components}],
        "configVersions": _configs(),
    }


def _print_table(rows: list[list[str]]) -> None:
    widths = [max(8, *(len(r[n]) for r in rows)) + 3 for n in range(len(rows[0]))]
    for row in rows:
        cells = [c.ljust(w) for c, w in zip(row, widths, strict=True)]
        print("".join(cells[:-1]) + row[-1])


def _text(description: str, target: str, components: list[Row]) -> None:
    titles = ["COMPONENT", "NODE", "CURRENT", "TARGET"]
    rows = [
        [c["name"], c.get("nodeName", ""), c["currentVersion"], c["newVersion"]] for c in components
    ]
    print(
        "Components that must be upgraded manually after you have upgraded the control plane with"
        " 'kubeadm upgrade apply':"
    )
    _print_table([titles, *(r for r in rows if r[0] == "kubelet")])
    print(f"\nUpgrade to the latest {description}:\n")
    _print_table([titles, *(r for r in rows if r[0] != "kubelet")])
    print("\nYou can now apply the upgrade by executing the following command:\n")
    print(f"\tkubeadm upgrade apply {target}\n")
    print(_LINE)
    print(_TABLE)
    states = [[c["group"], c["currentVersion"], c["preferredVersion"], "no"] for c in _configs()]
    _print_table(
        [["API GROUP", "CURRENT VERSION", "PREFERRED VERSION", "MANUAL UPGRADE REQUIRED"], *states]
    )
    print(_LINE)

"""What an upgrade resets is in its plan, and what would stop it stops it before any change.

One control plane and one worker; the tests of this file build on each other.
"""

from collections.abc import Callable
from typing import Any

import pytest

from kbootstrap.drift.by_hand import at
from tests.e2e.site import Result, Site, real_programs
from tests.e2e.upgrades import SECONDS, cordoned, offer, versions
from tests.lab.shell import wait_until
from tests.standin.common import kube
from tests.standin.common.kube import Kube

OLD, NEW = "v1.34.2", "v1.35.1"
pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root"), pytest.mark.timeout(1800)]
HAND = {"annotations": {"hand": "1"}}
DNS = {
    "metadata": HAND,
    "spec": {
        "replicas": 1,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "coredns",
                        "env": [{"name": "HAND", "value": "1"}],
                        "resources": {"limits": {"memory": "300Mi"}, "requests": {"cpu": None}},
                    }
                ]
            }
        },
    },
}
CONTAINER = "spec.template.spec.containers[coredns]"
RESETS = {
    f"Deployment coredns: {CONTAINER}.env[HAND] from name=HAND, value=1 to unset",
    f"Deployment coredns: {CONTAINER}.resources.limits.memory from 300Mi to 170Mi",
    f"Deployment coredns: {CONTAINER}.resources.requests.cpu from unset to 100m",
    "Deployment coredns: metadata.annotations.hand from 1 to unset",
    "DaemonSet kube-proxy: metadata.annotations.hand from 1 to unset",
    "Service kube-dns: metadata.annotations.hand from 1 to unset",
    "ConfigMap kube-proxy: metadata.annotations.hand from 1 to unset",
    "ConfigMap kube-proxy: data.hand from 1 to unset",
    "ConfigMap kubelet-config: data.hand from 1 to unset",
}
BUDGET = {
    "metadata": {"name": "dns", "namespace": "kube-system"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"k8s-app": "kube-dns"}}},
}
BUDGETS = kube.path("poddisruptionbudgets", "kube-system", group="policy")


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """A cluster with CoreDNS and two releases to go through."""
    if kind == "real" and not real_programs(NEW):
        pytest.skip("NOT RUN: an upgrade needs the real programs of two releases")
    site = make_site(f"upstop{kind[0]}", 2)
    offer(site, OLD, NEW)
    site.extra |= {"addons": {"dns": True}, "registry": {"dns_tag": "v1.12.3"}}
    site.write_inventory()
    site.ok("up")
    return site


def api(site: Site) -> Kube:
    """As a user of kubectl."""
    found = Kube.from_file(site.kubeconfig)
    found.headers["User-Agent"] = "kubectl-patch/v1"
    return found


def path_of(kind: str, name: str) -> str:
    group = {"deployments": "apps", "daemonsets": "apps"}.get(kind, "")
    return kube.path(kind, "kube-system", name, group=group)


def patch(site: Site, kind: str, name: str, body: Any) -> None:
    api(site).patch(path_of(kind, name), body)


def found(site: Site, kind: str, name: str) -> Any:
    return api(site).get(path_of(kind, name))


def taint(site: Site, *taints: dict[str, str]) -> None:
    """These on the worker."""
    spec = {"spec": {"taints": list(taints)}}
    api(site).patch(kube.path("nodes", name="node2"), spec, kube.MERGE)


def expected(site: Site) -> int:
    """Pods that the budget guards."""
    status = api(site).get(f"{BUDGETS}/dns").get("status") or {}
    return int(status.get("expectedPods", 0))


def announced(result: Result) -> set[str]:
    """The resets in the plan, without their remedies."""
    texts = (event.get("text", "") for event in result.events)
    begins = "resets a change made by hand: "
    return {t.removeprefix(begins).split("; ")[0] for t in texts if t.startswith(begins)}


def refused(site: Site, code: str) -> dict[str, Any]:
    result = site.run("upgrade", "--to", NEW)
    assert (result.status, [e["code"] for e in result.errors()]) == (7, [code]), result.out[-3000:]
    assert set(versions(site).values()) == {OLD}
    assert cordoned(site) == set()
    return result.errors()[0]


def test_an_unedited_cluster_has_nothing_to_reset(site: Site) -> None:
    assert announced(site.ok("upgrade", "--to", NEW, "--dry-run")) == set()


def test_what_was_changed_by_hand_is_in_the_plan(site: Site) -> None:
    patch(site, "deployments", "coredns", DNS)
    patch(site, "daemonsets", "kube-proxy", {"metadata": HAND})
    patch(site, "services", "kube-dns", {"metadata": HAND})
    patch(site, "configmaps", "kube-proxy", {"metadata": HAND, "data": {"hand": "1"}})
    live = found(site, "configmaps", "kubelet-config")["data"]["kubelet"]
    data = {"kubelet": f"{live}maxPods: 77\n", "hand": "1"}
    patch(site, "configmaps", "kubelet-config", {"data": data})
    corefile = found(site, "configmaps", "coredns")["data"]["Corefile"]
    data = {"Corefile": corefile.replace("cache 30", "cache 60"), "hand": "1"}
    patch(site, "configmaps", "coredns", {"data": data})

    result = site.ok("upgrade", "--to", NEW, "--dry-run")

    assert announced(result) == RESETS


def test_a_budget_that_allows_no_eviction_stops_it(site: Site) -> None:
    api(site).call("POST", BUDGETS, BUDGET)
    wait_until("it counts the pod", lambda: expected(site) == 1, timeout=60)

    assert "kube-system/dns" in refused(site, "KB428")["detail"]

    assert site.run("upgrade", "--to", NEW, "--no-drain", "--dry-run").status == 0
    api(site).delete(f"{BUDGETS}/dns")


def test_a_job_that_no_node_takes_stops_it(site: Site) -> None:
    taint(site, {"key": "dedicated", "value": "db", "effect": "NoSchedule"})

    assert "node2: dedicated=db:NoSchedule" in refused(site, "KB429")["detail"]

    taint(site)


def test_the_upgrade_resets_what_it_said_and_retains_the_rest(site: Site) -> None:
    result = site.run("upgrade", "--to", NEW, seconds=SECONDS)

    assert result.status == 0, result.out[-4000:] + result.err
    assert announced(result) == RESETS
    dns = found(site, "deployments", "coredns")
    (container,) = dns["spec"]["template"]["spec"]["containers"]
    assert "env" not in container
    assert at(("resources", "limits", "memory"), container) == "170Mi"
    assert at(("resources", "requests", "cpu"), container) == "100m"
    for kind, name in (
        ("deployments", "coredns"),
        ("daemonsets", "kube-proxy"),
        ("services", "kube-dns"),
        ("configmaps", "kube-proxy"),
    ):
        notes = found(site, kind, name)["metadata"].get("annotations") or {}
        assert "hand" not in notes
    assert dns["spec"]["replicas"] == 1
    assert "hand" not in found(site, "configmaps", "kube-proxy")["data"]
    kubelet = found(site, "configmaps", "kubelet-config")["data"]
    assert "maxPods: 77" in kubelet["kubelet"]
    assert "hand" not in kubelet
    kept = found(site, "configmaps", "coredns")["data"]
    assert "cache 60" in kept["Corefile"]
    assert kept["hand"] == "1"
    assert announced(site.run("upgrade", "--to", NEW, "--dry-run")) == set()
    print(f"\nupgrade of 1 + 1 ({site.kind}): {result.seconds:.1f} s")

"""kube-proxy's pods: which of them run with the stored configuration, and how they are replaced."""

import itertools
import json
import time
from typing import Any

import pytest

from kbootstrap import codes
from kbootstrap.action import RollOutProxy
from kbootstrap.errors import PhaseError
from kbootstrap.model.observed import CONFIG_SUM, KUBE_PROXY_BEFORE
from kbootstrap.remote import kube_proxy
from kbootstrap.remote.kubehttp import ApiError
from kbootstrap.remote.kubekinds import CONFIG_MAPS, PODS
from kbootstrap.remote.kubeobjects import own_pods_of
from kbootstrap.remote.proxy_pods import config_sum, is_older
from tests.unit.remote.fake_api import api_over

SYSTEM = "/api/v1/namespaces/kube-system"
SET = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
EARLY, CHANGED, LATE = (f"2026-12-01T00:00:0{n}Z" for n in (1, 2, 3))
OLD, NEW = "mode: iptables\n", "mode: nftables\n"
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}


def config_map(text: str = OLD, changed: str = CHANGED) -> dict[str, Any]:
    managed = [{"manager": "kubeadm", "operation": "Update", "time": changed}]
    meta = {"name": "kube-proxy", "creationTimestamp": EARLY, "managedFields": managed}
    return {"metadata": meta, "data": {"config.conf": text}}


def pod(node: str = "n1", made: str = LATE, text: str = "") -> dict[str, Any]:
    notes = {"annotations": {CONFIG_SUM: config_sum(text)}} if text else {}
    meta = {"name": f"kube-proxy-{node}", "uid": f"uid-{node}", "creationTimestamp": made, **notes}
    return {
        "metadata": {**meta, "labels": {"k8s-app": "kube-proxy"}},
        "spec": {"nodeName": node},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "kube-proxy", "restartCount": 0, "ready": True}],
        },
    }


@pytest.mark.parametrize(
    ("one", "older"),
    [
        (pod(made=EARLY), True),
        (pod(made=CHANGED), False),
        (pod(made=LATE), False),
        (pod(made=EARLY, text=OLD), False),
        (pod(made=EARLY, text="mode:   'iptables'"), False),
        (pod(made=LATE, text=NEW), True),
    ],
)
def test_a_pod_runs_with_what_was_stored_when_it_was_made(one: dict[str, Any], older: bool) -> None:  # noqa: FBT001
    assert is_older(one, config_map()) is older
    (seen,) = own_pods_of([one], [config_map()])
    assert seen.older is older


def test_without_the_config_map_no_pod_runs_with_it() -> None:
    assert is_older(pod(), None)


def test_an_annotation_of_the_config_map_alone_proves_nothing() -> None:
    stored = config_map(NEW)
    stored["metadata"]["annotations"] = {CONFIG_SUM: config_sum(NEW)}

    assert is_older(pod(text=OLD), stored)


class Cluster:
    """A DaemonSet with OnDelete: a pod that is deleted is replaced."""

    def __init__(self, *nodes: str, works: bool = True) -> None:
        self.config = config_map()
        self.pods = {f"kube-proxy-{node}": pod(node) for node in nodes}
        self.set: dict[str, Any] = {
            "metadata": {"name": "kube-proxy", "annotations": {}},
            "spec": {"updateStrategy": ROLLING, "template": {"metadata": {}}},
            "status": {"desiredNumberScheduled": len(nodes)},
        }
        self.record = {"metadata": {"name": "r"}, "data": {"kube_proxy": "{}"}}
        self.works, self.silent, self.log = works, set[str](), list[str]()
        self._numbers = itertools.count()

    def request(self, method: str, path: str, body: Any, **_: Any) -> Any:
        place = path.partition("?")[0]
        if place == "/api/v1/nodes":
            return {"items": [self._node(name) for name in self._nodes()]}
        if place == f"{SYSTEM}/pods":
            return {"items": list(self.pods.values())}
        if place.endswith("/log"):
            return "it must be iptables\n"
        if place.startswith(f"{SYSTEM}/pods/"):
            return self._pod(method, place.rpartition("/")[2], body)
        found = {
            SET: self.set,
            f"{SYSTEM}/configmaps/kube-proxy": self.config,
            f"{SYSTEM}/configmaps/kbootstrap-last-applied": self.record,
        }[place]
        if method == "PATCH":
            self.log.append(f"patch {found['metadata']['name']}")
            _merge(found, body)
            if found is self.config:
                found["metadata"]["managedFields"] = [{"manager": "k", "time": LATE}]
        return found

    def _nodes(self) -> list[str]:
        return [one["spec"]["nodeName"] for one in self.pods.values()]

    def _node(self, name: str) -> dict[str, Any]:
        status = "Unknown" if name in self.silent else "True"
        ready = {"type": "Ready", "status": status}
        return {"metadata": {"name": name}, "status": {"conditions": [ready]}}

    def _pod(self, method: str, name: str, body: Any) -> Any:
        if name not in self.pods:
            raise ApiError(404, "gone")
        if method == "PATCH":
            _merge(self.pods[name], body)
            return self.pods[name]
        assert method == "DELETE"
        node = self.pods[name]["spec"]["nodeName"]
        self.log.append(f"delete {node}")
        del self.pods[name]
        new, number = pod(node), next(self._numbers)
        new["metadata"] |= {"uid": str(number), "name": f"kube-proxy-{node}-{number}"}
        notes = self.set["spec"]["template"]["metadata"].get("annotations") or {}
        new["metadata"]["annotations"] = dict(notes)
        if not self.works and self.config["data"]["config.conf"] == NEW:
            new["status"] = crashing()
        self.pods[new["metadata"]["name"]] = new
        return {}


def crashing() -> dict[str, Any]:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{"name": "kube-proxy", "restartCount": 4, "state": waiting}],
    }


def _merge(target: dict[str, Any], patch: dict[str, Any]) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            target[key] = dict(target.get(key) or {})
            _merge(target[key], value)
        else:
            target[key] = value


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds pass between two looks."""
    now = itertools.count(step=10)

    def until(probe: Any, seconds: float) -> Any:
        return next((True for _ in range(int(seconds / 10) + 2) if probe()), None)

    monkeypatch.setattr(kube_proxy, "until", until)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(now)))


def change(cluster: Cluster) -> None:
    """As `set_stored` does it."""
    kube_proxy.keep(api_over(cluster))
    api_over(cluster).patch(
        CONFIG_MAPS, "kube-proxy", {"data": {"config.conf": NEW}}, "kube-system"
    )
    cluster.log.clear()


def roll(cluster: Cluster) -> None:
    kube_proxy.roll_out(api_over(cluster), RollOutProxy(why=""))


def older(cluster: Cluster) -> list[str]:
    return [name for name, one in cluster.pods.items() if is_older(one, cluster.config)]


def test_one_pod_first_and_then_the_others() -> None:
    cluster = Cluster("n1", "n2", "n3")
    change(cluster)
    assert len(older(cluster)) == 3

    roll(cluster)

    deletes = [f"delete n{number}" for number in (1, 2, 3)]
    assert cluster.log == ["patch kube-proxy", *deletes, "patch kube-proxy"]
    assert older(cluster) == []
    assert cluster.set["spec"]["updateStrategy"] == ROLLING
    assert KUBE_PROXY_BEFORE not in cluster.set["metadata"]["annotations"]


def test_a_pod_that_does_not_run_brings_the_old_config_map_back() -> None:
    cluster = Cluster("n1", "n2", works=False)
    change(cluster)

    with pytest.raises(PhaseError) as caught:
        roll(cluster)

    assert caught.value.code is codes.PROXY_REVERTED
    assert "configuration on n1: CrashLoopBackOff" in str(caught.value)
    assert "it must be iptables" in caught.value.detail
    assert "the old ConfigMap is back, and kube-proxy runs with it" in caught.value.detail
    assert [line for line in cluster.log if line.startswith("delete")] == ["delete n1"] * 2
    assert cluster.config["data"]["config.conf"] == OLD
    assert older(cluster) == []
    assert not cluster.set["spec"]["template"]["metadata"].get("annotations")
    assert cluster.set["spec"]["updateStrategy"] == ROLLING
    assert KUBE_PROXY_BEFORE not in cluster.set["metadata"]["annotations"]


def test_what_was_interrupted_continues_and_can_still_be_undone() -> None:
    cluster = Cluster("n1", "n2", works=False)
    change(cluster)
    before = cluster.set["metadata"]["annotations"][KUBE_PROXY_BEFORE]
    kube_proxy.keep(api_over(cluster))
    assert cluster.set["metadata"]["annotations"][KUBE_PROXY_BEFORE] == before
    assert json.loads(before)["config"] == OLD

    with pytest.raises(PhaseError):
        roll(cluster)

    assert cluster.config["data"]["config.conf"] == OLD


def test_the_old_value_in_the_inventory_again_needs_only_the_first_pod() -> None:
    cluster = Cluster("n1", "n2", works=False)
    change(cluster)
    cluster.set["spec"]["template"]["metadata"] = {"annotations": {CONFIG_SUM: config_sum(NEW)}}
    api_over(cluster).delete(PODS, "kube-proxy-n1", "kube-system")
    cluster.config["data"]["config.conf"] = "mode:   iptables\n"
    cluster.log.clear()

    roll(cluster)

    assert [line for line in cluster.log if line.startswith("delete")] == ["delete n1"]
    assert older(cluster) == []
    assert not cluster.set["spec"]["template"]["metadata"].get("annotations")


def test_without_an_older_configuration_the_others_stay() -> None:
    cluster = Cluster("n1", "n2", works=False)
    cluster.config = config_map(NEW, changed="2026-12-01T00:00:09Z")  # by hand

    with pytest.raises(PhaseError) as caught:
        roll(cluster)

    assert [line for line in cluster.log if line.startswith("delete")] == ["delete n1"]
    assert "no older configuration" in caught.value.detail
    assert KUBE_PROXY_BEFORE not in cluster.set["metadata"]["annotations"]


def test_a_change_by_hand_after_one_of_the_inventory_is_rolled_out() -> None:
    cluster = Cluster("n1", "n2")
    change(cluster)
    roll(cluster)
    cluster.config["data"]["config.conf"] = "mode: ipvs\n"

    roll(cluster)

    assert older(cluster) == []
    notes = cluster.set["spec"]["template"]["metadata"]["annotations"]
    assert notes[CONFIG_SUM] == config_sum("mode: ipvs\n")


def test_a_node_that_is_off_is_not_waited_for() -> None:
    cluster = Cluster("n1", "n2")
    cluster.silent = {"n2"}
    change(cluster)

    roll(cluster)

    assert [line for line in cluster.log if line.startswith("delete")] == ["delete n1"]

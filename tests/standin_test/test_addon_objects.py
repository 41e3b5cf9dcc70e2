"""Addons as kubeadm makes them, through kbootstrap's client against the stand-in."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from kbootstrap import codes
from kbootstrap.action import RemoveAddon, RollOutProxy, SetStored
from kbootstrap.errors import PhaseError
from kbootstrap.model.document import Document
from kbootstrap.remote import kube_proxy
from kbootstrap.remote.kube import Asks, KubeReader
from kbootstrap.remote.kubewrite import KubeWriter
from kbootstrap.wait import until
from phases import addons
from tests.standin.common import kube, tls
from tests.standin.common.http import Client
from tests.standin.common.kube import Kube
from tests.standin.controllers import workloads
from tests.standin.controllers.mirror import Mirror
from tests.standin.kubelet import proxy
from tests.standin.kubelet.pods import LOG

from .conftest import Server
from .test_kubeapi import Http, http  # noqa: F401 - a fixture

SYSTEM = "kube-system"
RBAC, BINDING = "rbac.authorization.k8s.io", "kubeadm:node-proxier"
NODES = ("n1", "n2")
CONFIG = "bindAddress: 0.0.0.0\nmode: ''\n"
LABELS = {"k8s-app": "kube-proxy"}


class Writer(Kube):
    """A client with a name, as a user of all rights."""

    made: ClassVar[list["Writer"]] = []

    def __init__(self, server: Server, name: str) -> None:
        self.made.append(self)
        ca = (server.folder / "ca.crt").read_text()
        self.server = f"https://127.0.0.1:{server.port}"
        self.headers = {"User-Agent": f"{name}/v1 (linux)"}
        login = server.user("admin", "system:masters")
        self.client = Client(self.server, tls.client(ca, *login), 10.0)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while Writer.made:
        Writer.made.pop().client.shutdown()


def put(api: Kube, plural: str, name: str, group: str = "", **fields: Any) -> None:
    wide = plural.startswith("cluster")
    path = kube.path(plural, "" if wide else SYSTEM, group=group)
    api.create_or_update(path, {"metadata": {"name": name, "labels": LABELS}, **fields})


@pytest.fixture
def kubelets(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Two nodes, the controller of DaemonSets, and processes that read their configuration."""
    monkeypatch.setattr(proxy, "LOADED", tmp_path / "loaded")
    monkeypatch.setattr(proxy, "_PROCESSES", tmp_path / "processes")
    monkeypatch.setattr(kube_proxy, "STABLE", 0.5)
    api, over = Writer(server, "kube-controller-manager"), threading.Event()
    for node in NODES:
        api.create_or_update(kube.path("nodes"), {"metadata": {"name": node}})
    processes = proxy.Proxies(api)

    def work() -> None:
        mirror = Mirror(api)
        while not over.is_set():
            mirror.update()
            workloads.daemon_sets(mirror)
            for pod in mirror.all("pods", SYSTEM):
                _sync(api, processes, pod)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    over.set()
    for node in NODES:
        api.delete(kube.path("nodes", name=node))
    thread.join(30)
    for pod in api.items(kube.path("pods", SYSTEM)):
        path = kube.path("pods", SYSTEM, pod["metadata"]["name"])
        api.delete(path, {"gracePeriodSeconds": 0})


def _sync(api: Kube, processes: proxy.Proxies, pod: dict[str, Any]) -> None:
    path = kube.path("pods", SYSTEM, pod["metadata"]["name"])
    try:
        if pod["metadata"].get("deletionTimestamp"):
            api.delete(path, {"gracePeriodSeconds": 0})
            return
        problem = processes.problem(pod)
        state = {"waiting": {"reason": "CrashLoopBackOff"}} if problem else {"running": {}}
        ready = {"type": "Ready", "status": "False" if problem else "True"}
        one = {"name": "kube-proxy", "restartCount": 3 if problem else 0, "state": state}
        status = {"phase": "Running", "conditions": [ready], "containerStatuses": [one]}
        if (pod.get("status") or {}).get("conditions") != [ready]:
            patch = {"status": status | {LOG: f"{problem}\n"}}
            api.patch(f"{path}/status", patch, kube.MERGE)
    except kube.KubeError as error:
        if error.code not in {404, 409}:
            raise


def make_proxy(server: Server) -> None:
    """As kubeadm does."""
    api = Writer(server, "kubeadm")
    put(api, "configmaps", "kube-proxy", data={"config.conf": CONFIG})
    put(api, "clusterrolebindings", BINDING, RBAC)
    container = {"name": "kube-proxy", "image": "i", "command": ["/usr/local/bin/kube-proxy"]}
    spec = {"containers": [container], "tolerations": [{"operator": "Exists"}]}
    put(
        api,
        "daemonsets",
        "kube-proxy",
        "apps",
        spec={
            "selector": {"matchLabels": LABELS},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": LABELS}, "spec": spec},
        },
    )


def change(**fields: Any) -> SetStored:
    return SetStored(
        why="x",
        part="kube_proxy",
        config_map="kube-proxy",
        entry="config.conf",
        patch=Document.of(fields),
        record=Document.of({"kube_proxy": fields}),
        changes=tuple((name, f"unset -> {value}") for name, value in fields.items()),
    )


def remove(addon: addons.Addon) -> RemoveAddon:
    return RemoveAddon(why="x", addon=addon.name, objects=addon.objects)


@pytest.mark.usefixtures("kubelets")
def test_kube_proxy_is_rolled_out_put_back_and_removed(server: Server, http: Http) -> None:  # noqa: F811
    make_proxy(server)
    api = Writer(server, "test")
    reader = KubeReader(http, asks=Asks(own_pods=True))
    writer = KubeWriter(reader, "")
    until(lambda: len(pods(reader)) == len(NODES), 30)
    assert [pod.older for pod in pods(reader)] == [False, False]
    assert reader.observe().made_by_kubeadm == {"kube-proxy"}

    writer.perform(change(mode="nftables"), {})
    assert [pod.older for pod in pods(reader)] == [True, True]
    writer.perform(RollOutProxy(why="x"), {})

    assert [(pod.older, pod.reason) for pod in pods(reader)] == [(False, "")] * 2
    assert not reader.observe().kube_proxy_open
    old = {pod.pod for pod in pods(reader)}
    writer.perform(change(mode="nftables", bindAddress="no-address"), {})
    with pytest.raises(PhaseError) as caught:
        writer.perform(RollOutProxy(why="x"), {})

    assert caught.value.code is codes.PROXY_REVERTED
    assert 'Invalid value: \\"no-address\\"' in caught.value.detail
    assert "kube-proxy runs with it" in caught.value.detail
    assert [(pod.older, pod.reason) for pod in pods(reader)] == [(False, "")] * 2
    assert len(old & {pod.pod for pod in pods(reader)}) == 1
    stored = api.get(kube.path("configmaps", SYSTEM, "kube-proxy"))["data"]["config.conf"]
    assert yaml.safe_load(stored)["mode"] == "nftables"

    writer.perform(remove(addons.PROXY), {})
    reader.forget()

    assert reader.observe().made_by_kubeadm == frozenset()
    assert "kube-proxy" not in reader.observe().config_maps | reader.observe().workloads
    at = kube.path(
        "clusterrolebindings", name="kubeadm:node-proxier", group="rbac.authorization.k8s.io"
    )
    assert api.find(at) is None


def pods(reader: KubeReader) -> tuple[Any, ...]:
    reader.forget()
    return reader.observe().own_pods


def test_only_what_kubeadm_made_of_an_addon_is_removed(server: Server, http: Http) -> None:  # noqa: F811
    kubeadm, other = Writer(server, "kubeadm"), Writer(server, "helm")
    put(kubeadm, "configmaps", "coredns", data={"Corefile": "."})
    put(other, "services", "kube-dns", spec={"ports": [{"port": 53}]})
    bare = {"metadata": {"name": "coredns"}}
    account = kubeadm.call("POST", kube.path("serviceaccounts", SYSTEM), bare)
    assert "managedFields" not in account["metadata"]
    put(other, "configmaps", "kube-dns", data={})
    reader = KubeReader(http)
    assert reader.observe().made_by_kubeadm == {"coredns"}

    KubeWriter(reader, "").perform(remove(addons.DNS), {})
    reader.forget()

    assert "coredns" not in reader.observe().config_maps
    assert other.find(kube.path("serviceaccounts", SYSTEM, "coredns")) is None
    assert other.find(kube.path("services", SYSTEM, "kube-dns")) is not None

"""The endpoint in the cluster's objects: how it is read and changed; and in a node's files."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from kbootstrap.action import RecordEndpoints, SetClusterInfo, SetProxyEndpoint
from kbootstrap.drift.endpoint import RESTARTS
from kbootstrap.engine.phase import parse_facts
from kbootstrap.errors import PhaseError
from kbootstrap.remote import pod_reasons
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kubeendpoint import RESTARTED
from kbootstrap.remote.kubehttp import ApiError
from kbootstrap.remote.kubeobjects import cluster_info_of, proxy_server_of
from kbootstrap.remote.kubewrite import KubeWriter
from kbootstrap.render import render
from phases.endpoint_files import Facts
from tests.standin.kubeadm import texts
from tests.unit.remote.conftest import Machine
from tests.unit.remote.fake_api import api_over

MAPS = "/api/v1/namespaces/kube-system/configmaps"
INFO = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
PROXY = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
PODS = "/api/v1/namespaces/kube-system/pods"
RECORD = f"{MAPS}/kbootstrap-last-applied"
OLD, NEW = "192.0.2.11:6443", "api.example.org:8443"
Object = dict[str, Any]


def kubeconfig(server: str = OLD) -> str:
    cluster = {"certificate-authority-data": "QQ==", "server": f"https://{server}"}
    return texts.cluster_info(cluster)


def config_map(name: str, **data: str) -> Object:
    meta = {"name": name, "namespace": "kube-system", "resourceVersion": "7"}
    return {"metadata": meta, "data": data}


def daemon_set(ready: int) -> Object:
    meta = {"name": "kube-proxy", "namespace": "kube-system", "uid": "u", "generation": 1}
    status = {"observedGeneration": 1, "desiredNumberScheduled": 2}
    status |= {"updatedNumberScheduled": ready, "numberAvailable": ready}
    spec = {"selector": {"matchLabels": {"k8s-app": "kube-proxy"}}}
    return {"kind": "DaemonSet", "metadata": meta, "spec": spec, "status": status}


def node(name: str, ready: str) -> Object:
    conditions = [{"type": "Ready", "status": ready}]
    return {"metadata": {"name": name}, "status": {"conditions": conditions}}


def pod(node: str, started_with: str) -> Object:
    meta = {"name": f"kube-proxy-{node}", "uid": node, "namespace": "kube-system"}
    meta["annotations"] = {RESTARTED: started_with}  # type: ignore[assignment]
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": meta, "spec": {"nodeName": node}, "status": status}


class Server:
    """Returns objects by path, and has the patches that it was sent."""

    def __init__(self, ready: int = 1) -> None:
        self.objects: Object = {
            INFO: config_map("cluster-info", kubeconfig=kubeconfig(), **{"jws-kubeconfig-a": "x"}),
            f"{MAPS}/kube-proxy": config_map("kube-proxy", **{"kubeconfig.conf": kubeconfig()}),
            PROXY: daemon_set(ready),
            "/api/v1/nodes": {"items": [node("w1", "True"), node("w2", "Unknown")]},
            PODS: {"items": [pod("w2", OLD), *(pod("w1", NEW) for _ in range(ready))]},
            "/api/v1/namespaces/kube-system/events": {"items": []},
        }
        self.patches: list[tuple[str, Any]] = []
        self.deleted: list[str] = []
        self.gone = False  # a pod ends before it is deleted

    def request(self, method: str, path: str, body: Any = None, **_: Any) -> Any:
        place = path.partition("?")[0]
        if method == "DELETE":  # its DaemonSet makes another one
            self.deleted.append(place.removeprefix(f"{PODS}/kube-proxy-"))
            self.objects[PODS] = {"items": [pod(self.deleted[-1], NEW)]}
            if self.gone:
                raise ApiError(404, "it is not there")
        elif method != "GET":
            self.patches.append((place, body))
        elif place not in self.objects:
            raise ApiError(404, f"{place} is not there")
        return self.objects.get(place, {})


def recorded(ready: int = 1) -> Server:
    """A server that has the ConfigMap of kbootstrap's record."""
    server = Server(ready)
    server.objects[RECORD] = config_map("kbootstrap-last-applied")
    return server


def perform(server: Server, action: Any) -> list[tuple[str, Any]]:
    class Reader:
        api = api_over(server)

    KubeWriter(cast("KubeReader", Reader()), "").perform(action, {})
    return server.patches


def named(text: str) -> str:
    return str(yaml.safe_load(text)["clusters"][0]["cluster"]["server"])


def test_the_server_of_cluster_info_is_changed_and_nothing_else() -> None:
    ((path, body),) = perform(Server(), SetClusterInfo(why="x", endpoint=NEW))

    assert path == INFO
    assert body["metadata"] == {"resourceVersion": "7"}
    assert set(body["data"]) == {"kubeconfig"}
    assert named(body["data"]["kubeconfig"]) == f"https://{NEW}"
    assert "QQ==" in body["data"]["kubeconfig"]


def test_the_record_says_so_until_the_pods_of_kube_proxy_have_restarted() -> None:
    sent = perform(recorded(), SetProxyEndpoint(why="x", endpoint=NEW, seconds=1))
    begun, config, pods, ended = sent

    assert begun == (RECORD, {"data": {RESTARTS: f'{{"endpoint": "{NEW}"}}'}})
    assert (config[0], config[1]["metadata"]) == (f"{MAPS}/kube-proxy", {"resourceVersion": "7"})
    assert named(config[1]["data"]["kubeconfig.conf"]) == f"https://{NEW}"
    template = {"metadata": {"annotations": {RESTARTED: NEW}}}
    assert pods == (PROXY, {"spec": {"template": template}})
    assert ended == (RECORD, {"data": {RESTARTS: None}})


def test_pods_are_replaced_one_by_one_but_not_on_a_node_that_is_off() -> None:
    """The rollout of a DaemonSet stops at such a node."""
    server = recorded()
    server.objects[PODS] = {"items": [pod("w2", OLD), pod("w1", OLD)]}

    perform(server, SetProxyEndpoint(why="x", endpoint=NEW, seconds=30))

    assert server.deleted == ["w1"]
    assert len(server.patches) == 4


def test_a_pod_that_ends_before_it_is_deleted_is_no_error() -> None:
    server = recorded()
    server.objects[PODS] = {"items": [pod("w1", OLD)]}
    server.gone = True

    perform(server, SetProxyEndpoint(why="x", endpoint=NEW, seconds=30))

    assert server.deleted == ["w1"]


def test_pods_that_do_not_restart_leave_the_mark() -> None:
    """Even if the DaemonSet's own status says that it has rolled out."""
    server = recorded()
    server.objects[PODS] = {"items": []}

    with pytest.raises(PhaseError, match="not all pods have restarted after 0 s"):
        perform(server, SetProxyEndpoint(why="x", endpoint=NEW, seconds=0))

    assert len(server.patches) == 3


def test_a_pod_that_cannot_start_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pod_reasons.LASTS, "InvalidImageName", 0)
    server, bad = recorded(), pod("w1", NEW)
    waiting = {"name": "kube-proxy", "state": {"waiting": {"reason": "InvalidImageName"}}}
    bad["status"] = {"phase": "Pending", "containerStatuses": [waiting]}
    server.objects[PODS] = {"items": [bad, pod("w3", OLD)]}

    with pytest.raises(PhaseError, match="its pods cannot start: InvalidImageName"):
        perform(server, SetProxyEndpoint(why="x", endpoint=NEW, seconds=5))

    assert server.deleted == []


def test_the_record_has_an_entry_of_its_own() -> None:
    sent = perform(recorded(), RecordEndpoints(why="x", endpoints=(OLD,)))

    assert sent == [(RECORD, {"data": {"api": f'{{"endpoints": ["{OLD}"]}}'}})]


def test_what_is_live_is_read() -> None:
    proxy = config_map("kube-proxy", **{"kubeconfig.conf": kubeconfig()})

    assert cluster_info_of(config_map("cluster-info", kubeconfig=kubeconfig())) == OLD
    assert cluster_info_of(None) == cluster_info_of(config_map("cluster-info")) == ""
    assert proxy_server_of([proxy]) == OLD
    assert proxy_server_of([]) == ""


KUBECTL = 'kubectl() { printf "%s\\n" "$*" >>asked; cat said; }\n'


def look(machine: Machine, folder: Path, server: str, own: str = "") -> Facts:
    """The facts; the endpoint answers what the file ``said`` has."""
    script = f"cd '{folder}'\n{KUBECTL}" + render(
        "endpoint/probe.sh.j2",
        run="kubelet-endpoint",
        kept=str(folder / "kept"),
        paths=[str(folder / f"{name}.conf") for name in ("admin", "super-admin", "kubelet")],
        kubelet=str(folder / "kubelet.conf"),
        server=f"https://{server}",
        own=f"https://{own}" if own else "",
    )
    return parse_facts(Facts, machine.probe(script))


def test_a_node_without_kubelet_conf_says_nothing(machine: Machine, tmp_path: Path) -> None:
    assert look(machine, tmp_path, NEW) == Facts()


def test_an_endpoint_is_asked_only_while_a_file_names_another(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "kubelet.conf").write_text(kubeconfig())
    (tmp_path / "admin.conf").write_text(kubeconfig(NEW))
    lines = (f"admin.conf https://{NEW}", f"kubelet.conf https://{OLD}")

    assert look(machine, tmp_path, NEW, own=OLD) == Facts(server=lines)
    assert not (tmp_path / "asked").exists()
    (tmp_path / "said").write_text("Unable to connect:\nrefused")
    silent = look(machine, tmp_path, NEW)
    assert silent == Facts(server=lines, silent="Unable to connect: refused")
    assert f"--server https://{NEW} --tls-server-name" in (tmp_path / "asked").read_text()
    (tmp_path / "said").write_text("ok")
    (tmp_path / "kept").mkdir()
    assert look(machine, tmp_path, NEW) == Facts(server=lines, unfinished=True)

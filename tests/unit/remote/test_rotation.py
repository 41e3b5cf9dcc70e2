"""A rotation of the CAs: what is changed in the API, and what a node's files say of its stage."""

import base64
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from kbootstrap import pki
from kbootstrap.action import FinishRotation, RestartWorkloads
from kbootstrap.drift.rotation import RECORD
from kbootstrap.engine.phase import parse_facts
from kbootstrap.errors import PhaseError
from kbootstrap.remote import rollout
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kubehttp import ApiError
from kbootstrap.remote.kuberotation import TRUSTS
from kbootstrap.remote.kubewrite import KubeWriter
from phases import ca_rotation
from phases.ca_rotation import Position, Stage
from tests.laws.clusters import CA, OTHER_CA, cluster
from tests.standin.common.pki import authority
from tests.standin.kubeadm import texts
from tests.unit.remote.conftest import Machine
from tests.unit.remote.fake_api import api_over

MAPS = "/api/v1/namespaces/kube-system/configmaps"
INFO = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
AUTHENTICATION = f"{MAPS}/extension-apiserver-authentication"
LAST = f"{MAPS}/kbootstrap-last-applied"
APPS = "/apis/apps/v1"
BOTH = CA + OTHER_CA
Object = dict[str, Any]


def config_map(**data: str) -> Object:
    return {"metadata": {"name": "a", "resourceVersion": "7"}, "data": data}


def deployment(name: str, *, ready: bool = True, token: bool = True, mark: str = "") -> Object:
    meta = {"name": name, "namespace": "default", "generation": 1, "uid": name}
    template: Object = {"spec": {} if token else {"automountServiceAccountToken": False}}
    if mark:
        template["metadata"] = {"annotations": {TRUSTS: mark}}
    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}
    status["availableReplicas"] = 1 if ready else 0
    spec = {"replicas": 1, "template": template, "selector": {"matchLabels": {"app": name}}}
    return {"kind": "Deployment", "metadata": meta, "spec": spec, "status": status}


class Server:
    """Returns objects by path, and has the patches that it was sent."""

    def __init__(self, *deployments: Object) -> None:
        cluster_info = {"certificate-authority-data": "QQ==", "server": "https://a:1"}
        self.objects: Object = {
            INFO: config_map(kubeconfig=texts.cluster_info(cluster_info)),
            LAST: config_map(),
            f"{APPS}/deployments": {"items": list(deployments)},
            f"{APPS}/daemonsets": {"items": []},
            f"{APPS}/statefulsets": {"items": []},
            "/api/v1/nodes": {"items": []},
        }
        for one in deployments:
            name = one["metadata"]["name"]
            self.objects[f"{APPS}/namespaces/default/deployments/{name}"] = one
        self.patches: dict[str, Object] = {}
        self.api = api_over(self)

    def request(self, method: str, path: str, body: Any = None, **_: Any) -> Object:
        path = path.partition("?")[0]
        if method == "PATCH":
            self.patches[path] = body
            return {}
        if path not in self.objects:
            raise ApiError(404, path)
        found: Object = self.objects[path]
        return found

    @property
    def restarted(self) -> set[str]:
        return {path.rpartition("/")[2] for path in self.patches if "deployments" in path}


def perform(server: Server, action: Any, ca: str) -> None:
    KubeWriter(cast("KubeReader", server), ca).perform(action, {})


RESTART = RestartWorkloads(why="w", nodes=2, seconds=0)
MARK = " ".join(sorted(one[7:19] for one in pki.ca_hashes(BOTH)))


def test_pods_that_have_a_token_restart_and_are_recorded() -> None:
    server = Server(deployment("web"), deployment("plain", token=False))
    perform(server, RESTART, BOTH)
    assert server.restarted == {"web"}
    patch = server.patches[f"{APPS}/namespaces/default/deployments/web"]
    assert patch["spec"]["template"]["metadata"]["annotations"] == {TRUSTS: MARK}
    record = yaml.safe_load(server.patches[LAST]["data"][RECORD])
    assert set(record["restarted"]) == pki.ca_hashes(BOTH)


def test_a_workload_that_did_not_run_before_is_not_waited_for() -> None:
    server = Server(deployment("web"), deployment("broken", ready=False))
    perform(server, RESTART, BOTH)
    assert server.restarted == {"web"}


def test_one_that_an_interrupted_run_restarted_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rollout, "reasons", lambda _: ())
    server = Server(deployment("web", ready=False, mark=MARK))
    server.objects["/api/v1/namespaces/default/pods"] = {"items": []}
    server.objects["/api/v1/namespaces/default/events"] = {"items": []}
    with pytest.raises(PhaseError) as raised:
        perform(server, RESTART, BOTH)
    assert raised.value.code.id == "KB334"
    assert LAST not in server.patches


def test_at_the_end_only_the_new_ca_is_handed_out() -> None:
    old, new = (authority("kubernetes", algorithm="ECDSA-P256").cert_pem() for _ in range(2))
    other = authority("users", algorithm="ECDSA-P256").cert_pem()
    server = Server()
    server.objects[AUTHENTICATION] = config_map(**{"client-ca-file": old + other + old})
    perform(server, FinishRotation(why="w", at=7), new)
    config = yaml.safe_load(server.patches[INFO]["data"]["kubeconfig"])
    encoded = config["clusters"][0]["cluster"]["certificate-authority-data"]
    assert base64.b64decode(encoded).decode() == new
    kept = server.patches[AUTHENTICATION]["data"]["client-ca-file"]
    assert kept.count("BEGIN") == 2
    assert other in kept  # what others trust has another name
    record = yaml.safe_load(server.patches[LAST]["data"][RECORD])
    assert record == {"finished": pki.ca_hash(new), "at": 7}


# The stage, from files of a node.


def facts(machine: Machine, root: Path, wanted: Stage, ca: str) -> Position:
    """What the probe prints of a worker with this CA file."""
    (root / "pki/ca.crt").write_text(ca)
    script = ca_rotation.probe(cluster("ha"), cluster("ha").node("w1"), wanted)
    text = machine.probe(script.replace("/etc/kubernetes", str(root)))
    return parse_facts(Position, text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for kind, pem in (("old", CA), ("new", OTHER_CA)):
        folder = tmp_path / "pki/rotation" / kind
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_text(pem)
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "ca", "open_"),
    [
        (Stage.BOTH, CA, ("ca",)),
        (Stage.BOTH, BOTH, ()),
        (Stage.BOTH, OTHER_CA, ()),  # it is in a later stage
        (Stage.NEW, CA, ("ca",)),
        (Stage.NEW, BOTH, ("ca",)),
        (Stage.NEW, OTHER_CA, ()),
    ],
    ids=map(str, range(6)),  # the CAs are other ones in each test process
)
def test_a_stage_is_read_from_the_file(
    machine: Machine, root: Path, wanted: Stage, ca: str, open_: tuple[str, ...]
) -> None:
    assert facts(machine, root, wanted, ca) == Position(begun=True, open=open_)


def test_a_kubeconfig_with_other_cas_is_open(machine: Machine, root: Path) -> None:
    conf = root / "kubelet.conf"
    conf.write_text(f"    certificate-authority-data: {base64.b64encode(CA.encode()).decode()}\n")
    assert facts(machine, root, Stage.BOTH, BOTH).open == ("kubelet.conf",)
    conf.write_text(f"    certificate-authority-data: {base64.b64encode(BOTH.encode()).decode()}\n")
    assert facts(machine, root, Stage.BOTH, BOTH).open == ()


def test_without_the_new_cas_nothing_is_begun(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    assert facts(machine, tmp_path, Stage.BOTH, CA) == Position()

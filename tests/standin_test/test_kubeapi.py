"""kbootstrap's client of the API against the stand-in, with a manifest of a real CNI's shape."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap import codes
from kbootstrap.action import ApplyManifest, SetStored
from kbootstrap.errors import PhaseError
from kbootstrap.lock.places import Lease
from kbootstrap.lock.record import NO_RECORD
from kbootstrap.model.document import Document
from kbootstrap.model.observed import manifest_ref
from kbootstrap.remote.credentials import Credentials
from kbootstrap.remote.kube import KubeReader
from kbootstrap.remote.kubeapi import KubeApi
from kbootstrap.remote.kubehttp import ApiError, KubeHttp, TlsHttp
from kbootstrap.remote.kubekinds import CONFIG_MAPS, EVICTIONS, NODES, PODS, Kind
from kbootstrap.remote.kubewrite import KubeWriter
from kbootstrap.secret import Secret
from tests.unit.lock.test_record import ME
from tests.unit.remote.net_manifest import MANIFESTS, NAMESPACE

from .conftest import Server


class Http(KubeHttp):
    """As `KubeHttp`, with other credentials than those of a kubeconfig."""

    def __init__(self, login: Credentials, port: int) -> None:
        TlsHttp.__init__(self, login, "127.0.0.1", port)


@pytest.fixture
def http(server: Server) -> Http:
    files = map(Path, server.user("admin", "system:masters"))
    login = Credentials(
        ca_pem=server.ca.cert_pem(),
        pair=Secret("".join(file.read_text() for file in files)),
        server_name="localhost",
        down=codes.API_DOWN,
    )
    return Http(login, server.port)


@pytest.fixture
def kube(http: Http) -> KubeApi:
    return KubeApi(http)


def config_map(name: str, **data: str) -> dict[str, object]:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def test_a_manifest_that_defines_its_own_kinds_is_applied_and_found_again(http: Http) -> None:
    reader = KubeReader(http)
    writer = KubeWriter(reader, "")
    assert reader.observe(MANIFESTS).applied == frozenset()

    for manifest in MANIFESTS:
        writer.perform(ApplyManifest(why="x", manifest=manifest, source="net.yaml"), {})

    reader.forget()
    assert reader.observe(MANIFESTS).applied == set(map(manifest_ref, MANIFESTS))
    changed = Document.of({**MANIFESTS[-2].data, "spec": {}})
    assert reader.observe((changed, *MANIFESTS[:1])).applied == {manifest_ref(MANIFESTS[0])}
    assert KubeReader(http).observe(MANIFESTS[-1:]).applied == {manifest_ref(MANIFESTS[-1])}


def test_objects_are_made_changed_and_deleted(kube: KubeApi) -> None:
    kube.create(CONFIG_MAPS, config_map("made", a="1"))

    assert kube.patch(CONFIG_MAPS, "made", {"data": {"a": None, "b": "2"}}, "default")["data"] == {
        "b": "2"
    }
    partial = kube.get(CONFIG_MAPS, "made", "default", metadata=True)
    assert (partial["metadata"]["name"], "data" in partial) == ("made", False)
    listed = kube.items(CONFIG_MAPS, "default", fields="metadata.name=made")
    assert [one["data"] for one in listed] == [{"b": "2"}]
    kube.delete(CONFIG_MAPS, "made", "default")
    assert kube.find(CONFIG_MAPS, "made", "default") is None


def test_what_the_server_refuses_has_its_status_and_message(kube: KubeApi) -> None:
    kube.create(CONFIG_MAPS, config_map("twice"))
    refused: list[tuple[int, Callable[[], object]]] = [
        (409, lambda: kube.create(CONFIG_MAPS, config_map("twice"))),
        (409, lambda: kube.patch(CONFIG_MAPS, "twice", OLD, "default")),
        (404, lambda: kube.get(NODES, "nowhere")),
        (404, lambda: kube.create(EVICTIONS, EVICTION, "nowhere")),
    ]
    for status, ask in refused:
        with pytest.raises(ApiError, match=r"twice|nowhere") as caught:
            ask()
        assert caught.value.status == status


OLD = {"metadata": {"resourceVersion": "1"}}
EVICTION = {
    "apiVersion": "policy/v1",
    "kind": "Eviction",
    "metadata": {"name": "nowhere", "namespace": "default"},
}


def test_kinds_come_from_discovery(kube: KubeApi) -> None:
    names = [("apps/v1", "DaemonSet"), ("v1", "Pod"), ("v1", "Nothing"), ("no.example/v1", "X")]
    assert kube.kinds(names) == {
        names[0]: Kind("apps/v1", "DaemonSet", "daemonsets"),
        names[1]: PODS,
    }


def test_the_lease_is_taken_and_freed(kube: KubeApi) -> None:
    lease = Lease(kube)
    assert lease.read() == NO_RECORD
    assert lease.write(ME, NO_RECORD).claim == ME
    assert lease.renew(ME).claim == ME
    assert lease.free(ME.text) == NO_RECORD


def test_a_server_that_is_ready_says_so(kube: KubeApi) -> None:
    assert kube.ready()
    assert kube.items(PODS, NAMESPACE, labels="app=nothing") == []


STORED = "maxPods: 60\npodsPerCore: 4\nevictionHard: {memory.available: 2%}\n"
SETS = SetStored(
    why="x",
    part="kubelet",
    config_map="kubelet-config",
    entry="kubelet",
    patch=Document.of({"maxPods": 77, "evictionHard": {"memory.available": None}}),
    record=Document.of({"kubelet": {"maxPods": 77}}),
    changes=(("maxPods", "60 -> 77"), ("evictionHard.memory.available", "2% -> unset")),
)


def test_fields_of_a_stored_document_are_changed_and_the_others_stay(http: Http) -> None:
    kube, reader = KubeApi(http), KubeReader(http)
    meta = {"name": "kubelet-config", "namespace": "kube-system"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    kube.create(CONFIG_MAPS, {**body, "data": {"kubelet": STORED, "other": "x"}})

    KubeWriter(reader, "").perform(SETS, {})

    seen = reader.observe()
    assert seen.kubelet_config.data == {"maxPods": 77, "podsPerCore": 4, "evictionHard": {}}
    assert seen.last_applied.data["kubelet"] == SETS.record.data["kubelet"]
    assert kube.get(CONFIG_MAPS, "kubelet-config", "kube-system")["data"]["other"] == "x"


def test_an_interrupted_change_has_its_old_fields_on_record(http: Http) -> None:
    """The document cannot be changed; what the inventory had is still known to be its own."""
    reader, kube = KubeReader(http), KubeApi(http)
    writer = KubeWriter(reader, "")
    if kube.find(CONFIG_MAPS, "kubelet-config", "kube-system"):
        kube.delete(CONFIG_MAPS, "kubelet-config", "kube-system")
    before = Document.of({"kubelet": {"podsPerCore": 4}})
    writer.perform(replace(SETS, record=before, changes=()), {})

    with pytest.raises(PhaseError):
        writer.perform(SETS, {})

    found = reader.observe().last_applied.data["kubelet"]
    assert found == {"podsPerCore": 4, "maxPods": 77}
    meta = {"name": "kubelet-config", "namespace": "kube-system"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"kubelet": "{}"}}
    kube.create(CONFIG_MAPS, body)
    writer.perform(SETS, {})
    reader.forget()
    assert reader.observe().last_applied.data["kubelet"] == SETS.record.data["kubelet"]

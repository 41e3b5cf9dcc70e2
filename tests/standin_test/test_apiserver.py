import threading
import time
from collections.abc import Iterator
from typing import Any

import kubernetes
import kubernetes.dynamic
import kubernetes.utils
import kubernetes.watch
import pytest
from kubernetes.client.exceptions import ApiException

from .conftest import Server

client: Any = kubernetes.client  # its types make every field optional
dynamic: Any = kubernetes.dynamic
utils: Any = kubernetes.utils
watch: Any = kubernetes.watch


def connect(server: Server, name: str = "admin", *groups: str) -> Any:
    config = client.Configuration(host=f"https://127.0.0.1:{server.port}")
    config.ssl_ca_cert = str(server.folder / "ca.crt")
    config.retries = 0
    if name:
        config.cert_file, config.key_file = server.user(name, *(groups or ("system:masters",)))
    return client.ApiClient(config)


@pytest.fixture
def api(server: Server) -> Iterator[Any]:
    made = connect(server)
    yield made
    made.rest_client.pool_manager.clear()


@pytest.fixture
def core(api: Any) -> Any:
    return client.CoreV1Api(api)


def config_map(name: str, **data: str) -> Any:
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name), data=data)


def pod(name: str, node: str = "", **labels: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "c", "image": "i"}]}
    if node:
        spec["nodeName"] = node
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


def status(err: Any) -> tuple[int, str]:
    return err.value.status, err.value.body


def test_namespaces_and_version(api: Any, core: Any) -> None:
    names = {n.metadata.name for n in core.list_namespace().items}
    assert {"default", "kube-system", "kube-public", "kube-node-lease"} <= names
    assert client.VersionApi(api).get_code().git_version == "v1.34.2"


def test_create_read_update_conflict(core: Any) -> None:
    made = core.create_namespaced_config_map("default", config_map("a", x="1"))
    assert made.metadata.uid
    assert made.metadata.creation_timestamp
    with pytest.raises(ApiException) as again:
        core.create_namespaced_config_map("default", config_map("a"))
    assert status(again)[0] == 409
    assert 'configmaps \\"a\\" already exists' in status(again)[1]
    made.data = {"x": "2"}
    new = core.replace_namespaced_config_map("a", "default", made)
    assert new.metadata.resource_version != made.metadata.resource_version
    made.data = {"x": "3"}
    with pytest.raises(ApiException) as stale:
        core.replace_namespaced_config_map("a", "default", made)
    assert "the object has been modified" in status(stale)[1]
    core.delete_namespaced_config_map("a", "default")
    with pytest.raises(ApiException) as missing:
        core.read_namespaced_config_map("a", "default")
    assert status(missing)[0] == 404


def test_namespace_must_exist(core: Any) -> None:
    with pytest.raises(ApiException) as err:
        core.create_namespaced_config_map("nowhere", config_map("a"))
    assert 'namespaces \\"nowhere\\" not found' in status(err)[1]


def test_selectors_and_pages(core: Any) -> None:
    for number in range(5):
        core.create_namespaced_pod("default", pod(f"s{number}", f"n{number % 2}", app="s"))
    found = core.list_namespaced_pod("default", label_selector="app=s")
    assert len(found.items) == 5
    assert len(core.list_pod_for_all_namespaces(field_selector="spec.nodeName=n1").items) == 2
    page = core.list_namespaced_pod("default", label_selector="app in (s)", limit=2)
    assert len(page.items) == 2
    rest = core.list_namespaced_pod(
        "default",
        label_selector="app in (s)",
        _continue=page.metadata._continue,  # noqa: SLF001
    )
    assert len(rest.items) == 3


def test_patches_of_a_node(core: Any) -> None:
    core.create_node({"metadata": {"name": "w1"}, "spec": {}})
    taint = {"key": "k", "effect": "NoSchedule"}
    core.patch_node("w1", {"spec": {"taints": [taint], "unschedulable": True}})
    core.patch_node("w1", {"metadata": {"labels": {"a": "b", "c": "d"}}})
    node = core.patch_node("w1", {"metadata": {"labels": {"c": None}}})
    assert node.metadata.labels == {"a": "b"}
    assert node.spec.taints[0].key == "k"
    steps = [{"op": "replace", "path": "/spec/taints", "value": []}]
    assert core.patch_node("w1", steps).spec.taints in (None, [])
    ready = {"type": "Ready", "status": "True"}
    core.patch_node_status("w1", {"status": {"conditions": [ready]}})
    pressure = {"type": "MemoryPressure", "status": "False"}
    node = core.patch_node_status("w1", {"status": {"conditions": [pressure]}})
    assert {c.type for c in node.status.conditions} == {"Ready", "MemoryPressure"}
    assert node.spec.unschedulable


def test_watch_sees_changes(core: Any) -> None:
    start = core.list_namespaced_config_map("kube-public").metadata.resource_version
    threading.Timer(
        0.2, core.create_namespaced_config_map, ("kube-public", config_map("seen"))
    ).start()
    stream = watch.Watch().stream(
        core.list_namespaced_config_map, "kube-public", resource_version=start, timeout_seconds=5
    )
    event = next(e for e in stream if e["object"].metadata.name == "seen")
    assert event["type"] == "ADDED"


def test_server_side_apply(api: Any) -> None:
    maps = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ssa"}}
    maps.server_side_apply(
        {**body, "data": {"a": "1", "b": "1"}}, "ssa", "default", field_manager="x"
    )
    maps.server_side_apply({**body, "data": {"b": "1"}}, "ssa", "default", field_manager="x")
    maps.server_side_apply({**body, "data": {"c": "1"}}, "ssa", "default", field_manager="y")
    assert maps.get("ssa", "default").data.to_dict() == {"b": "1", "c": "1"}
    with pytest.raises(ApiException) as err:
        maps.server_side_apply({**body, "data": {"b": "2"}}, "ssa", "default", field_manager="y")
    assert 'conflict with \\"x\\": .data.b' in status(err)[1]
    done = maps.server_side_apply(
        {**body, "data": {"b": "2"}}, "ssa", "default", field_manager="y", force_conflicts=True
    )
    assert done.data.to_dict() == {"b": "2"}


def test_custom_resources(api: Any) -> None:
    schema = {"openAPIV3Schema": {"type": "object"}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    utils.create_from_dict(api, crd)
    time.sleep(0.1)
    things = client.CustomObjectsApi(api)
    thing = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {}}
    at = ("example.org", "v1", "default", "things")
    things.create_namespaced_custom_object(*at, thing)
    assert things.get_namespaced_custom_object(*at, "t")["metadata"]["uid"]
    assert dynamic.DynamicClient(api).resources.get(api_version="example.org/v1", kind="Thing")


def test_who_may_do_what(server: Server, core: Any) -> None:
    nobody = client.CoreV1Api(connect(server, ""))
    with pytest.raises(ApiException) as err:
        nobody.list_namespaced_secret("kube-system")
    assert status(err)[0] == 403
    assert 'User \\"system:anonymous\\" cannot list resource' in status(err)[1]
    someone = client.CoreV1Api(connect(server, "joe", "some:group"))
    with pytest.raises(ApiException):
        someone.list_node()
    core.create_namespaced_config_map("default", config_map("z"))
    rbac = client.RbacAuthorizationV1Api(core.api_client)
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "Group", "name": "some:group", "apiGroup": "rbac.authorization.k8s.io"}
    rbac.create_cluster_role_binding(
        {"metadata": {"name": "some"}, "roleRef": role, "subjects": [subject]}
    )
    time.sleep(0.2)
    someone.list_node()
    assert client.VersionApi(connect(server, "")).get_code()


def test_bootstrap_tokens(server: Server, core: Any) -> None:
    data = {
        "token-id": "abcdef",
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-authentication": "true",
    }
    secret = {
        "metadata": {"name": "bootstrap-token-abcdef"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": data,
    }
    core.create_namespaced_secret("kube-system", secret)
    time.sleep(0.2)
    anyone = connect(server, "")
    anyone.default_headers["Authorization"] = "Bearer abcdef.0123456789abcdef"
    with pytest.raises(ApiException) as err:
        client.CoreV1Api(anyone).list_node()
    assert "system:bootstrap:abcdef" in status(err)[1]
    anyone.default_headers["Authorization"] = "Bearer abcdef.fedcba9876543210"
    with pytest.raises(ApiException) as wrong:
        client.CoreV1Api(anyone).list_node()
    assert status(wrong)[0] == 401


def test_eviction_respects_the_budget(core: Any) -> None:
    core.create_namespaced_pod("default", pod("kept", "w1", app="kept"))
    core.patch_namespaced_pod_status("kept", "default", {"status": {"phase": "Running"}})
    policy = client.PolicyV1Api(core.api_client)
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "kept"}}}
    policy.create_namespaced_pod_disruption_budget(
        "default", {"metadata": {"name": "p"}, "spec": spec}
    )
    time.sleep(0.2)
    eviction = {"metadata": {"name": "kept", "namespace": "default"}}
    with pytest.raises(ApiException) as err:
        core.create_namespaced_pod_eviction("kept", "default", eviction)
    assert status(err)[0] == 429
    policy.delete_namespaced_pod_disruption_budget("p", "default")
    time.sleep(0.2)
    core.create_namespaced_pod_eviction("kept", "default", eviction)
    assert core.read_namespaced_pod("kept", "default").metadata.deletion_timestamp

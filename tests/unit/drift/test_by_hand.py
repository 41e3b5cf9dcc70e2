"""What an upgrade resets: who wrote a field is in managedFields, as kubectl and kubeadm leave it.

The objects are excerpts of those that a real v1.34.2 had after `kubectl patch`.
"""

import copy
import json
from typing import Any

import pytest

from kbootstrap.drift.addon_fields import objects
from kbootstrap.drift.by_hand import Reset, resets
from kbootstrap.model.document import Document

Object = dict[str, Any]
CONTAINER = 'k:{"name":"coredns"}'


def made(kind: str, name: str) -> Object:
    """As kubeadm writes it."""
    fields: Object = json.loads(json.dumps(objects()[kind, name]))
    meta = {**fields.get("metadata", {}), "name": name, "namespace": "kube-system"}
    return {"kind": kind, **fields, "metadata": meta}


def edited(found: Object, fields: Object, manager: str = "kubectl-patch", sub: str = "") -> Object:
    """With fields that someone wrote."""
    found = copy.deepcopy(found)
    entry: Object = {"manager": manager, "operation": "Update", "fieldsV1": fields}
    if sub:
        entry["subresource"] = sub
    kubeadm = {"manager": "kubeadm", "operation": "Update", "fieldsV1": {"f:spec": {}}}
    found["metadata"]["managedFields"] = [kubeadm, entry]
    return found


def found_in(*found: Object, patches: tuple[Object, ...] = ()) -> list[Reset]:
    return list(resets(map(Document.of, found), map(Document.of, patches)))


def deployment() -> tuple[Object, Object]:
    found = made("Deployment", "coredns")
    return found, found["spec"]["template"]["spec"]["containers"][0]


def in_container(fields: Object) -> Object:
    return {"f:spec": {"f:template": {"f:spec": {"f:containers": {CONTAINER: fields}}}}}


@pytest.mark.parametrize("key", objects())
def test_an_object_as_kubeadm_made_it_is_not_reset(key: tuple[str, str]) -> None:
    assert found_in(made(*key)) == []


def test_a_limit_that_was_raised_is_named_with_both_values() -> None:
    found, container = deployment()
    container["resources"]["limits"]["memory"] = "300Mi"
    fields = in_container({"f:resources": {"f:limits": {"f:memory": {}}}})

    (reset,) = found_in(edited(found, fields))

    assert reset.field == "spec.template.spec.containers[coredns].resources.limits.memory"
    assert (reset.live, reset.after) == ("300Mi", "170Mi")
    assert "corednsdeployment" in reset.text


def test_a_limit_that_was_removed_is_named() -> None:
    """It has no manager then."""
    found, container = deployment()
    del container["resources"]["limits"]

    (reset,) = found_in(found)

    assert (reset.live, reset.after) == ("unset", "170Mi")


def test_a_new_item_of_a_list_is_one_field() -> None:
    found, container = deployment()
    container["env"] = [{"name": "HAND", "value": "1"}]
    item: Object = {".": {}, "f:name": {}, "f:value": {}}
    fields = in_container({"f:env": {".": {}, 'k:{"name":"HAND"}': item}})

    (reset,) = found_in(edited(found, fields))

    assert reset.field.endswith("containers[coredns].env[HAND]")
    assert (reset.live, reset.after) == ("name=HAND, value=1", "unset")


def test_a_patch_of_the_inventory_keeps_it() -> None:
    found, container = deployment()
    container["resources"]["limits"]["memory"] = "300Mi"
    fields = in_container({"f:resources": {"f:limits": {"f:memory": {}}}})

    def with_patch(memory: str) -> list[Reset]:
        limits = {"name": "coredns", "resources": {"limits": {"memory": memory}}}
        patch = {"spec": {"template": {"spec": {"containers": [limits]}}}}
        return found_in(edited(found, fields), patches=(patch,))

    assert with_patch("300Mi") == []
    assert [reset.after for reset in with_patch("400Mi")] == ["400Mi"]


@pytest.mark.parametrize(
    ("manager", "sub"),
    [("kubeadm", ""), ("kbootstrap", ""), ("kube-controller-manager", "status"), ("me", "scale")],
)
def test_what_kubeadm_kbootstrap_and_controllers_write_is_no_change(manager: str, sub: str) -> None:
    found, _ = deployment()
    found["metadata"]["annotations"] = {"a": "b"}
    fields: Object = {"f:metadata": {"f:annotations": {".": {}, "f:a": {}}}}

    assert found_in(edited(found, fields, manager, sub)) == []


def test_replicas_and_records_of_kubectl_are_no_change() -> None:
    found, _ = deployment()
    found["spec"]["replicas"] = 3
    found["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}
    notes: Object = {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}
    fields = {"f:metadata": notes, "f:spec": {"f:replicas": {}}}

    assert found_in(edited(found, fields)) == []


def test_the_same_value_is_no_change() -> None:
    found, _ = deployment()
    fields = in_container({"f:resources": {"f:limits": {"f:memory": {}}}})

    assert found_in(edited(found, fields)) == []


@pytest.mark.parametrize("key", [("kube-proxy", "config.conf"), ("kubelet-config", "kubelet")])
def test_settings_of_kubelet_and_kube_proxy_are_retained_and_other_entries_are_not(
    key: tuple[str, str],
) -> None:
    name, entry = key
    found = made("ConfigMap", name)
    found["data"] |= {entry: "other: 1\n", "extra": "x"}

    resets = found_in(edited(found, {"f:data": {f"f:{entry}": {}, "f:extra": {}}}))

    assert [(reset.field, reset.live) for reset in resets] == [("data.extra", "x")]


def test_a_config_map_with_a_corefile_of_the_user_is_retained() -> None:
    found = made("ConfigMap", "coredns")
    found["data"] |= {"Corefile": ".:53 {}\n", "extra": "x"}
    both: Object = {"f:data": {"f:Corefile": {}, "f:extra": {}}}

    assert found_in(edited(found, both)) == []
    found["data"]["Corefile"] = "the Corefile of kubeadm"
    assert [reset.field for reset in found_in(edited(found, {"f:data": {"f:extra": {}}}))] == [
        "data.extra"
    ]


def test_a_long_value_is_shown_in_short() -> None:
    found = made("ConfigMap", "kube-proxy")
    found["data"]["kubeconfig.conf"] = "a: 1\nb: 2\n"

    (reset,) = found_in(edited(found, {"f:data": {"f:kubeconfig.conf": {}}}))

    assert (reset.live, reset.after) == ("its 2 lines", "the kubeconfig of kubeadm")

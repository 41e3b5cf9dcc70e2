"""What a control plane runs with, against the inventory: added, changed, removed, changed back."""

import dataclasses
from typing import Any

import pytest

from kbootstrap import kubeadm
from kbootstrap.components import ETCD
from kbootstrap.drift import Running, change, components, desired, san_change
from kbootstrap.drift.components import Component
from kbootstrap.drift.kubeadm_args import arguments, sans
from kbootstrap.model.cluster import Arg, Cluster
from kbootstrap.model.document import Document
from tests.laws.clusters import cluster

KNOWN = cluster("single")
NODE = KNOWN.first
FIELDS = {
    "kube-apiserver": "api_server_args",
    "kube-controller-manager": "controller_manager_args",
    "kube-scheduler": "scheduler_args",
    "etcd": "etcd_args",
}
COMPONENTS = {one.name: one for one in components(KNOWN)}
each = pytest.mark.parametrize("name", FIELDS)


def with_args(name: str, *args: Arg) -> Cluster:
    changes: Any = {FIELDS[name]: args}
    return dataclasses.replace(KNOWN, kubeadm=dataclasses.replace(KNOWN.kubeadm, **changes))


def runs(known: Cluster, component: Component, **changes: Any) -> Running:
    """As kubeadm starts it for this inventory."""
    tag = "3.6.4-0" if component.name == ETCD else str(known.version)
    image = f"{known.images.repository}/{component.name}:{tag}"
    own = dict(arguments(component.name, known, NODE, tag))
    extra = getattr(known.kubeadm, FIELDS[component.name])
    args = [f"--{n}={v}" for n, v in own.items() if n not in {arg.name for arg in extra}]
    args += [f"--{arg.name}={arg.value}" for arg in extra]
    return dataclasses.replace(Running(tuple(args), image, patched=False), **changes)


def stored(known: Cluster) -> dict[str, Any]:
    return kubeadm.cluster_configuration(known)


@each
def test_what_kubeadm_starts_for_the_inventory_differs_in_nothing(name: str) -> None:
    for known in (KNOWN, with_args(name, Arg("v", "4"), Arg("a", "2"), Arg("a", "1"))):
        now = runs(known, COMPONENTS[name])
        found = change(COMPONENTS[name], known, NODE, stored(known), now)
        assert found.texts == ()
        assert (sorted(found.args), found.image) == (sorted(now.args), now.image)


@each
@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ((), (Arg("v", "4"),), "--v=4 (now unset)"),
        ((Arg("v", "2"),), (Arg("v", "4"),), "--v=4 (now 2)"),
        ((Arg("v", "4"),), (), "remove --v=4"),
        ((Arg("a", "1"),), (Arg("a", "1"), Arg("a", "2")), "--a=1 --a=2 (now 1)"),
    ],
)
def test_an_argument_added_changed_and_removed(
    name: str, before: tuple[Arg, ...], after: tuple[Arg, ...], text: str
) -> None:
    old, new = with_args(name, *before), with_args(name, *after)

    found = change(COMPONENTS[name], new, NODE, stored(old), runs(old, COMPONENTS[name]))

    assert found.texts == (text,)
    assert sorted(found.args) == sorted(runs(new, COMPONENTS[name]).args)


@pytest.mark.parametrize("value", ["Node,RBAC", "RBAC"])
def test_an_argument_of_kubeadms_own_gets_its_value_back(value: str) -> None:
    """One that had kubeadm's own value is no difference once it is removed."""
    server = COMPONENTS["kube-apiserver"]
    old = with_args("kube-apiserver", Arg("authorization-mode", value))

    found = change(server, KNOWN, NODE, stored(old), runs(old, server))

    want = () if value == "Node,RBAC" else ("--authorization-mode=Node,RBAC (now RBAC)",)
    assert found.texts == want


def test_an_argument_set_by_hand_is_no_difference_but_named_when_it_goes() -> None:
    server, new = COMPONENTS["kube-apiserver"], with_args("kube-apiserver", Arg("v", "4"))
    now = runs(KNOWN, server)
    by_hand = dataclasses.replace(now, args=(*now.args, "--profiling=false"))

    assert change(server, KNOWN, NODE, stored(KNOWN), by_hand).texts == ()
    found = change(server, new, NODE, stored(KNOWN), by_hand)
    assert found.texts == ("--v=4 (now unset)", "remove --profiling=false, changed by hand")
    patched = change(server, new, NODE, stored(KNOWN), dataclasses.replace(by_hand, patched=True))
    assert patched.texts == ("--v=4 (now unset)",)
    assert "--profiling=false" in patched.args


def test_an_etcd_that_joined_is_as_one_that_was_initialised() -> None:
    etcd = COMPONENTS["etcd"]
    now = runs(KNOWN, etcd)
    kept = [arg for arg in now.args if not arg.startswith("--initial-cluster=")]
    joined = (*kept, "--initial-cluster=a=b,c=d", "--initial-cluster-state=existing")

    found = change(etcd, KNOWN, NODE, stored(KNOWN), dataclasses.replace(now, args=joined))

    assert found.texts == ()
    assert sorted(found.args) == sorted(now.args)


def test_images_follow_the_repository_and_the_tag_of_etcd() -> None:
    images = dataclasses.replace(KNOWN.images, repository="mirror.example/k8s")
    etcd = dataclasses.replace(KNOWN.etcd, image_tag="3.6.5-0")
    new = dataclasses.replace(KNOWN, images=images, etcd=etcd)
    for name, component in COMPONENTS.items():
        now = runs(KNOWN, component)
        found = change(component, new, NODE, stored(KNOWN), now)
        tag = "3.6.5-0" if name == "etcd" else "v1.34.2"
        assert found.image == f"mirror.example/k8s/{name}:{tag}"
        assert found.texts == (f"image {found.image} (now {now.image})",)
        back = change(component, KNOWN, NODE, stored(new), runs(new, component))
        assert back.image.startswith("registry.k8s.io/")


@pytest.mark.parametrize(
    ("now_tag", "new_tag", "gone"),
    [("3.5.24-0", "3.6.5-0", "experimental-"), ("3.6.4-0", "3.5.24-0", "feature-gates")],
)
def test_a_tag_of_etcd_changes_the_arguments_that_kubeadm_chooses_by_it(
    now_tag: str, new_tag: str, gone: str
) -> None:
    new = dataclasses.replace(KNOWN, etcd=dataclasses.replace(KNOWN.etcd, image_tag=new_tag))
    args = [f"--{n}={v}" for n, v in arguments(ETCD, KNOWN, NODE, now_tag).items()]
    now = runs(KNOWN, COMPONENTS[ETCD], args=tuple(args), image=f"registry.k8s.io/etcd:{now_tag}")

    found = change(COMPONENTS[ETCD], new, NODE, stored(KNOWN), now)

    assert found.texts == (f"image registry.k8s.io/etcd:{new_tag} (now {now.image})",)
    after = [f"--{n}={v}" for n, v in arguments(ETCD, new, NODE, new_tag).items()]
    assert sorted(found.args) == sorted(after)
    assert any(gone in arg for arg in now.args)
    assert not any(gone in arg for arg in found.args)


def test_the_image_of_a_patch_is_retained() -> None:
    server = COMPONENTS["kube-apiserver"]
    now = runs(KNOWN, server, image="site.example/kube-apiserver:v1", patched=True)

    assert change(server, KNOWN, NODE, stored(KNOWN), now).texts == ()


def with_sans(*names: str) -> Cluster:
    return dataclasses.replace(KNOWN, api=dataclasses.replace(KNOWN.api, cert_sans=names))


def test_names_added_and_removed() -> None:
    own = sans(KNOWN, NODE)
    new = with_sans("b.example", "2001:0DB8::1")

    found = san_change(new, NODE, stored(with_sans("a.example")), (*own, "a.example", "by.hand"))

    assert found.texts == (
        "add 2001:db8::1",
        "add b.example",
        "remove a.example",
        "by.hand is in the certificate only and is removed",
    )
    assert set(found.args) == {*own, "b.example", "2001:db8::1"}
    assert san_change(new, NODE, stored(new), found.args).texts == ()


def test_names_of_others_are_no_difference() -> None:
    found = san_change(KNOWN, NODE, stored(KNOWN), (*sans(KNOWN, NODE), "by.hand"))

    assert found.texts == ()


def test_a_name_that_kubeadm_writes_itself_is_never_removed() -> None:
    old = with_sans("kubernetes", NODE.advertise_address)

    assert san_change(KNOWN, NODE, stored(old), sans(KNOWN, NODE)).texts == ()


def test_what_is_stored_keeps_what_the_inventory_has_no_key_for() -> None:
    volumes = {"extraVolumes": [{"name": "audit"}], "certSANs": ["a.example"]}
    live = stored(KNOWN) | {"apiServer": volumes, "certificateValidityPeriod": "8760h0m0s"}
    new = with_args("kube-apiserver", Arg("v", "4"))

    found = desired(new, Document.of(live)).data

    assert found["apiServer"] == {
        "extraVolumes": [{"name": "audit"}],
        "extraArgs": [{"name": "v", "value": "4"}],
    }
    assert found["certificateValidityPeriod"] == "8760h0m0s"
    assert desired(KNOWN, Document.of(found)).data["apiServer"] == {
        "extraVolumes": [{"name": "audit"}]
    }


def test_a_tag_of_etcd_that_is_removed_stays_until_the_next_upgrade() -> None:
    etcd = dataclasses.replace(KNOWN.etcd, image_tag="3.6.5-0")
    old = Document.of(stored(dataclasses.replace(KNOWN, etcd=etcd)))

    assert desired(KNOWN, old) == old

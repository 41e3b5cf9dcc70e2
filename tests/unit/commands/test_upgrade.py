"""What an upgrade finds out before its plan: the chain, the order, drift."""

from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap import kubeadm
from kbootstrap.artifacts.directory import Directory
from kbootstrap.console.upgrade_notes import drift
from kbootstrap.errors import RefusedError
from kbootstrap.guards.upgrade_path import chain, versions_of, with_programs
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.document import Document
from kbootstrap.model.load import load, load_at
from kbootstrap.model.observed import NOTHING, Observed, ObservedNode, StaticPod
from kbootstrap.model.problems import InventoryErrors
from kbootstrap.model.versions import Version
from kbootstrap.options import RunOptions
from tests.laws.clusters import NAMES, cluster

HA = cluster("ha")  # cp1, cp2, cp3, w1
OPTIONS = RunOptions(inventory=Path("inventory.yaml"))


def running(servers: str, kubelets: str | None = None, known: Cluster = HA) -> Observed:
    return Observed(
        reachable=True,
        static_pods=tuple(
            StaticPod(node=node.name, component=name, version=tag)
            for node in known.control_planes
            for name, tag in (("etcd", "3.6.4-0"), ("kube-apiserver", servers))
        ),
        nodes=tuple(
            ObservedNode(name=node.name, ready=True, kubelet_version=kubelets or servers)
            for node in known.nodes
        ),
        kubeadm_config=Document.of({"kubernetesVersion": servers}),
    )


def offered(folder: Path, *versions: str) -> Cluster:
    for version in versions:
        (folder / f"k8s-{version}" / "bin").mkdir(parents=True)
    (folder / "k8s-vague").mkdir()
    programs = replace(HA.programs, source="folder", folder=f"{folder}/k8s-{{version}}/bin")
    return replace(HA, programs=programs)


def refused(
    known: Cluster, options: RunOptions, observed: Observed, target: str, *names: str
) -> str:
    nodes = tuple(node for node in known.nodes if not names or node.name in names)
    with pytest.raises(RefusedError) as caught:
        chain(options, known, nodes, observed, Version.parse(target))
    return f"{caught.value.code.id} {caught.value.message}"


def test_a_jump_goes_through_the_newest_release_offered(tmp_path: Path) -> None:
    known = offered(tmp_path, "v1.35.0", "v1.35.4", "v1.36.1", "v1.34.2")

    found = chain(OPTIONS, known, known.nodes, running("v1.34.2"), Version.parse("v1.37.0"))

    assert list(map(str, found)) == ["v1.35.4", "v1.36.1", "v1.37.0"]


def test_via_names_another(tmp_path: Path) -> None:
    options = replace(OPTIONS, via=("v1.35.0",))
    known = offered(tmp_path, "v1.35.4")

    found = chain(options, known, known.nodes, running("v1.34.2"), Version.parse("v1.36.0"))

    assert list(map(str, found)) == ["v1.35.0", "v1.36.0"]


def test_a_release_on_the_way_that_is_not_named_is_asked_for(tmp_path: Path) -> None:
    said = refused(offered(tmp_path), OPTIONS, running("v1.34.2"), "v1.36.0")
    assert said.startswith("KB422 ")
    assert "1.35" in said


def test_back_is_no_way() -> None:
    assert refused(HA, OPTIONS, running("v1.35.0"), "v1.34.9").startswith("KB421 ")
    newer = refused(HA, OPTIONS, running("v1.34.2", "v1.35.0"), "v1.35.0")
    assert newer.startswith("KB421 ")
    assert "newer than the API server" in newer


def test_control_planes_come_first() -> None:
    old = running("v1.34.2")
    assert refused(HA, OPTIONS, old, "v1.35.0", "w1").startswith("KB423 ")
    assert refused(HA, OPTIONS, old, "v1.35.0", "cp2").startswith("KB423 ")
    one = (HA.node("cp1"),)
    assert chain(OPTIONS, HA, one, old, Version.parse("v1.35.0"))
    workers = (HA.node("w1"),)
    done = running("v1.35.0", "v1.34.2")
    assert chain(OPTIONS, HA, workers, done, Version.parse("v1.35.0"))


def test_kubelets_left_out_must_not_fall_too_far_behind(tmp_path: Path) -> None:
    known = offered(tmp_path, "v1.34.0", "v1.35.0")
    options = replace(OPTIONS, only="control-plane")
    planes = [node.name for node in known.control_planes]
    now = running("v1.33.0", "v1.32.0")

    assert refused(known, options, now, "v1.36.0", *planes).startswith("KB421 ")


def test_binaries_have_to_come_from_somewhere(tmp_path: Path) -> None:
    bare = cluster("cri-o")
    with pytest.raises(RefusedError) as caught:
        with_programs(bare, OPTIONS)
    assert caught.value.code.id == "KB425"
    given = with_programs(bare, replace(OPTIONS, programs=tmp_path / "{version}"))
    assert Directory(replace(given, version=Version.parse("v1.35.1"))).path == tmp_path / "v1.35.1"


@pytest.mark.parametrize("name", NAMES)
def test_what_up_wrote_is_no_drift(name: str) -> None:
    known = cluster(name)
    live = Document.of(kubeadm.cluster_configuration(known) | {"kubernetesVersion": "v1.30.0"})
    assert list(drift(known, replace(NOTHING, kubeadm_config=live))) == []


def test_drift_is_reported_by_its_key() -> None:
    live = kubeadm.cluster_configuration(HA)
    live["imageRepository"] = "old.example.org"
    live["etcd"] = {"local": {"dataDir": "/var/lib/etcd", "imageTag": "3.5.9-0"}}
    live["apiServer"] = {"extraArgs": [{"name": "v", "value": "2"}]}
    told = list(drift(HA, replace(NOTHING, kubeadm_config=Document.of(live))))
    assert any(line.startswith("imageRepository is old.example.org,") for line in told)


def test_versions_that_cannot_be_read_are_left_out() -> None:
    found = versions_of(running("v1.34.2", "edge"))
    assert set(found.servers) == {"cp1", "cp2", "cp3"}
    assert found.kubelets == {}


INVENTORY = """\
cluster: {name: demo}
kubernetes: {version: v1.33.1}
nodes: [{name: n1, address: 192.0.2.11, role: both}]
programs: {source: folder, folder: "k8s/{version}"}
"""


def test_a_directory_a_release(tmp_path: Path) -> None:
    """Only the inventory's own has to be there; what depends on the version follows a hop."""
    (tmp_path / "k8s" / "v1.33.1").mkdir(parents=True)
    (tmp_path / "inventory.yaml").write_text(INVENTORY)

    known = load(tmp_path / "inventory.yaml")
    hop = load_at(tmp_path / "inventory.yaml", Version.parse("v1.34.2"))

    assert Directory(known).path == tmp_path / "k8s" / "v1.33.1"
    assert (known.images.pause[-4:], hop.images.pause[-6:]) == ("3.10", "3.10.1")
    assert hop.nodes == known.nodes


def test_a_directory_that_is_not_there_is_reported(tmp_path: Path) -> None:
    (tmp_path / "k8s" / "v1.34.2").mkdir(parents=True)
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    with pytest.raises(InventoryErrors, match=r"v1\.33\.1"):
        load(tmp_path / "inventory.yaml")

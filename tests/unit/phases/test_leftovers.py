"""What a phase names as left on a node is removed by `reset`, and asked for before."""

from dataclasses import fields, replace
from typing import Any

import pytest

from kbootstrap import kubeadm, node_paths
from kbootstrap.action import PutFile, PutTemplate
from kbootstrap.engine.leftovers import Leftovers, combined
from kbootstrap.engine.phase import View
from phases import files, identity, install, join, reset_clean
from tests.laws.clusters import CA, NAMES, cluster, workstation

NEW = Leftovers(
    emptied=("/var/lib/balancer",),
    directories=("/opt/balancer", "/opt/balancer/bin"),
    volatile=("/run/balancer",),
    empty=("/srv/balancer",),
    mounts=("/mnt/balancer",),
    units=("balancer.service",),
    slices=("balancer.slice",),
    links=("balancer*",),
    chains=("BALANCER-",),
    ipsets=("balancer-",),
    nft_tables=("balancer",),
    runtime_files=("/etc/balancer/runtime.toml",),
)
HA = cluster("ha")
NODE = HA.node("w1")


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """A phase is added to the list of `up`, and nothing else is changed."""
    before = install.phases(HA)
    phase = replace(before[0], id="balancer", leaves=lambda *_: NEW)
    monkeypatch.setattr(install, "phases", lambda _: (*before, phase))


def clean() -> str:
    facts = reset_clean.Left(left=("link balancer0",), marker=HA.name)
    view: View[Any] = View(cluster=HA, node=NODE, facts=facts, **workstation(HA))
    (action,) = reset_clean.plan_clean(view)
    return str(getattr(action, "body", ""))


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("kind", [field.name for field in fields(Leftovers)])
def test_reset_removes_what_a_new_phase_names(kind: str) -> None:
    assert all(name.rstrip("*") in clean() for name in getattr(NEW, kind))


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("kind", ["emptied", "volatile", "mounts", "links", "chains"])
def test_the_probe_of_reset_looks_for_it(kind: str) -> None:
    assert all(name in reset_clean.probe_clean(HA, NODE) for name in getattr(NEW, kind))


@pytest.mark.usefixtures("added")
def test_identity_records_what_was_there_before_the_phase() -> None:
    probe = identity.probe(HA, NODE)
    assert all(name in probe for name in (*NEW.emptied, *NEW.directories, *NEW.links))


def test_directories_inside_others_come_first() -> None:
    assert NEW.shared == ("/opt/balancer/bin", "/var/lib/balancer", "/opt/balancer")


def test_each_thing_is_named_once() -> None:
    assert combined((NEW, NEW)) == NEW


def test_an_empty_name_is_refused_for_it_would_stand_for_everything() -> None:
    with pytest.raises(ValueError, match="everything"):
        Leftovers(chains=("",))


@pytest.mark.parametrize("name", NAMES)
def test_no_directory_of_the_system_is_named(name: str) -> None:
    known = cluster(name)
    for node in known.nodes:
        left = install.leftovers(known, node)
        for path in (*left.shared, *left.volatile, *left.empty, *left.mounts):
            assert path.startswith("/")
            assert path.count("/") >= 2


@pytest.mark.parametrize("name", NAMES)
def test_etcd_data_goes_only_where_kubeadm_made_it(name: str) -> None:
    known = cluster(name)
    for node in known.nodes:
        stacked = node.is_control_plane and known.etcd.external is None
        emptied = install.leftovers(known, node).emptied
        assert (known.etcd.data_dir in emptied) is stacked


@pytest.mark.parametrize("name", NAMES)
def test_each_file_that_a_fresh_node_gets_is_rendered(name: str) -> None:
    """But for records, what goes to another node, and patches, which the operator has."""
    known = cluster(name)
    for node in known.nodes:
        for phase in install.phases(known):
            if not phase.on(known, node):
                continue
            view: View[Any] = View(
                cluster=known, node=node, facts=phase.facts(), **workstation(known), ca=CA
            )
            planned = {a.path for a in phase.plan(view) if isinstance(a, PutFile | PutTemplate)}
            shown = {path for path, _ in phase.files(known, node)}
            shown |= {files.RECORD, node_paths.CLUSTER_NAME, join.UPLOAD}
            patches = {path for path in planned if path.startswith(f"{kubeadm.PATCHES}/")}
            assert planned - shown - patches == set()

"""From one minor to the next on the stand-in: killed, failed, cordoned by others, fixed.

Two control planes and two workers; the tests of this file build on each other.
"""

import json
from collections.abc import Callable

import pytest

from tests.e2e.site import Site
from tests.e2e.upgrades import (
    actions_of_all_runs,
    available,
    cordoned,
    kill_when,
    offer,
    run_workload,
    runs,
    started,
    static_pods,
    versions,
)
from tests.lab.shell import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]

OLD, NEW, NEXT, LAST = "v1.34.2", "v1.35.1", "v1.36.0", "v1.37.0"
ALL = ("node1", "node2", "node3", "node4")


@pytest.fixture(scope="module")
def kind() -> str:
    """Only the stand-in; test_upgrade_real.py is for the real binaries."""
    return "standin"


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    """A cluster with a workload, and binaries of four releases."""
    site = make_site("us", 4, control_planes=2)
    offer(site, OLD, NEW, NEXT, LAST)
    site.ok("up")
    run_workload(site, f"{site.repository}/pause:3.10.1")
    return site


def switches(site: Site, node: str, **values: object) -> None:
    """Faults of the stand-in's binaries on a node."""
    text = json.dumps(values)
    site.node(node).exec(f"cat >/etc/standin.conf <<'END'\n{text}\nEND\n")


def codes(site: Site, *words: str) -> tuple[int, set[str]]:
    """Exit status and codes of a command that should fail."""
    result = site.run(*words)
    return result.status, {error["code"] for error in result.errors()}


def test_what_cannot_be_is_refused_before_anything_changes(site: Site) -> None:
    assert codes(site, "upgrade", "--to", "v1.33.0") == (7, {"KB421"})
    assert codes(site, "upgrade", "--to", NEW, "--workers-only") == (7, {"KB423"})
    assert codes(site, "upgrade", "--to", "v1.38.0") == (6, {"KB311"})
    other = ("--programs", str(site.folder / "releases" / OLD))
    assert codes(site, "upgrade", "--to", NEW, *other) == (6, {"KB310"})
    assert set(versions(site).values()) == {OLD}
    assert all(site.node(n).exec("kubeadm version -o short").stdout.strip() == OLD for n in ALL)
    assert cordoned(site) == set()


def test_a_dry_run_changes_nothing_and_shows_the_way(site: Site) -> None:
    result = site.run("upgrade", "--to", NEXT, "--dry-run", "--exit-code")

    assert result.status == 4, result.out[-3000:]
    texts = [text for _, _, text in result.plan]
    assert texts.count("drain the node") == 4
    assert f"kubeadm upgrade apply ({NEW})" in texts
    assert not [text for text in texts if NEXT in text]
    assert [
        e["text"] for e in result.events if e["event"] == "note" and f"then {NEXT}" in e["text"]
    ]
    assert set(versions(site).values()) == {OLD}


def test_two_minors_are_one_command_killed_in_each(site: Site) -> None:
    """Every node goes through the release between; the second hop waits for the first."""
    site.kubectl("cordon", "node2")
    words = ["upgrade", "--to", NEXT]

    applies = "kubeadm upgrade apply"
    kill_when(site, words, lambda: runs(site.node("node1"), applies))
    early = codes(site, "up"), codes(site, "join", "node3")
    # it continues without us, and stores the new version
    wait_until("kubeadm is done", lambda: not runs(site.node("node1"), applies), timeout=300)
    halfway = codes(site, "up")
    kill_when(site, words, lambda: runs(site.node("node3"), "kubeadm upgrade node"))
    assert set(versions(site).values()) <= {OLD, NEW}
    # node2 has done the first hop, so this is the second
    kill_when(site, words, lambda: runs(site.node("node2"), "kubeadm upgrade node"))
    assert set(versions(site).values()) == {NEW, NEXT}  # node1's kubelet is the newer one
    result = site.ok(*words)

    assert [halfway, *early] == [(7, {"KB420"})] * 3
    assert versions(site) == dict.fromkeys(ALL, NEXT)
    assert {*static_pods(site.node("node1")), *static_pods(site.node("node2"))} == {NEXT}
    assert cordoned(site) == {"node2"}
    assert actions_of_all_runs(site, "drain the node") == dict.fromkeys(ALL, 2)
    for hop in (NEW, NEXT):
        assert {started(site.node(n), f"upgrade-{hop}") for n in ALL} == {1}
    assert available(site) == 2
    site.kubectl("uncordon", "node2")
    print(f"\nupgrade, killed three times: the last command took {result.seconds:.1f} s")


def test_again_there_is_nothing_to_do(site: Site) -> None:
    assert site.run("upgrade", "--to", NEXT, "--exit-code").status == 3
    assert codes(site, "up") == (7, {"KB420"})
    assert codes(site, "up", "--phase", "programs") == (7, {"KB420"})
    site.write_inventory(kubernetes={"version": NEXT})
    assert site.run("up", "--exit-code").status == 3
    backup = f"/var/lib/kbootstrap/backup/{NEW}/kubernetes"
    assert NEW in site.node("node2").exec(f"cat {backup}/manifests/kube-apiserver.yaml").stdout


def test_a_failed_worker_is_named_and_keeps_its_place(site: Site) -> None:
    """The first worker fails: no other one follows, however many may be away at once."""
    switches(site, "node3", fail={"upgrade node/kubelet-config": "the disk is on fire"})
    words = ("upgrade", "--to", LAST)

    alone = site.run(*words)
    assert alone.status == 6, alone.out[-3000:]
    assert [(e["node"], e["code"]) for e in alone.errors()] == [("node3", "KB350")]
    assert "on fire" in alone.errors()[0]["detail"]
    assert cordoned(site) == {"node3"}
    assert any("node3 stays cordoned" in e.get("text", "") for e in alone.events)
    assert versions(site) == {"node1": LAST, "node2": LAST, "node3": NEXT, "node4": NEXT}

    two = site.run(*words, "--max-unavailable", "2")
    assert [(e["node"], e["code"]) for e in two.errors()] == [("node3", "KB350")]
    assert versions(site) == {"node1": LAST, "node2": LAST, "node3": NEXT, "node4": NEXT}
    assert cordoned(site) == {"node3"}

    switches(site, "node3")
    site.ok(*words)
    assert versions(site) == dict.fromkeys(ALL, LAST)
    assert cordoned(site) == set()
    assert actions_of_all_runs(site, "drain the node") == dict.fromkeys(ALL, 3)  # one a hop


def test_a_manifest_lost_between_two_moves_is_put_back(site: Site) -> None:
    """With the API server of one control plane gone, and nothing else to do."""
    node = site.node("node1")
    folder = "/etc/kubernetes/tmp/kubeadm-backup-manifests-2999-01-01-00-00-00"
    node.exec(f"mkdir {folder} && mv /etc/kubernetes/manifests/kube-apiserver.yaml {folder}")

    result = site.ok("upgrade", "--to", LAST)

    assert [(name, phase) for name, phase, _ in result.actions] == [("node1", "upgrade-repair")]
    assert static_pods(node) == {LAST}
    site.write_inventory(kubernetes={"version": LAST})
    assert site.run("up", "--exit-code").status == 3

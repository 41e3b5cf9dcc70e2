"""One worker of five is off: `up` and `upgrade` do the rest without it, and later finish it.

The tests of this file build on each other: node4 is off from the first one on until the last two.
"""

import subprocess
from collections.abc import Callable
from subprocess import DEVNULL

import pytest

from tests.e2e.site import Result, Site
from tests.e2e.upgrades import offer, versions

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]

OLD, NEW = "v1.34.2", "v1.35.1"
OFF = "node4"
UPGRADE = ("upgrade", "--to", NEW)


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    """A control plane and three workers, of which node4 is off; node5 is yet to join."""
    site = make_site("oneoff", 5)
    offer(site, OLD, NEW)
    site.write_inventory(site.lab.nodes[:4])
    site.ok("up")
    site.node(OFF).kill()
    site.write_inventory()
    return site


def labels(site: Site, node: str) -> str:
    return site.kubectl("get", "node", node, "-o", "yaml")


def left_out(result: Result) -> list[tuple[str, str]]:
    """The nodes that the plan names as left out."""
    return [(e["node"], e["code"]) for e in result.events if e["event"] == "left-out"]


def ends_without(result: Result) -> None:
    """Exit status 5, with that node in the plan and at the end, and no other error."""
    assert result.status == 5, result.out[-4000:] + result.err
    assert left_out(result) == [(OFF, "KB201")]
    assert [(e["node"], e["code"]) for e in result.errors()] == [(OFF, "KB201")]
    assert not [action for action in result.actions if action[0] == OFF]


def test_all_or_nothing_changes_nothing(site: Site) -> None:
    with site.with_node("node2", labels={"disk": "ssd"}):
        for command in (("up",), UPGRADE):
            result = site.run(*command, "--all-or-nothing")
            assert (result.status, result.actions, left_out(result)) == (5, [], [])
    assert "disk: ssd" not in labels(site, "node2")
    assert set(site.ready_nodes()) == {"node1", "node2", "node3", OFF}


def test_up_changes_a_label_and_joins_a_node(site: Site) -> None:
    with site.with_node("node2", labels={"disk": "ssd"}):
        dry = site.run("up", "--dry-run", "--exit-code")
        ends_without(dry)
        result = site.run("up")
        ends_without(result)
        assert {node for node, _, _ in result.actions} == {"node2", "node5"}
        assert "disk: ssd" in labels(site, "node2")
        assert site.ready_nodes()["node5"]

        again = site.run("up")
        ends_without(again)
        assert again.actions == []
    ends_without(site.run("up"))  # the label is removed again


def test_a_restart_of_a_service_on_a_live_node_is_asked_for(site: Site) -> None:
    """Without a terminal that is refused; on a node that joins it is not asked for (above)."""
    site.write_inventory(registry={"pause": f"{site.repository}/pause:3.9"})
    words = [word for word in site.command("up") if word != "--yes"]
    asked = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        stdin=DEVNULL,
        env=site.environment(),
    )
    site.write_inventory()
    assert asked.returncode == 7, asked.stdout[-4000:] + asked.stderr
    assert "restarts services of the running cluster: node1, node2, node3, node5" in asked.stdout
    assert '"event": "action"' not in asked.stdout
    ends_without(site.run("up"))


def test_status_shows_it_and_what_answers(site: Site) -> None:
    result = site.run("status")
    rows = {e["node"]: e["to do"] for e in result.events if e["event"] == "status"}
    assert result.status == 5
    assert rows == {"node1": "nothing", "node2": "nothing", "node3": "nothing", OFF: ""} | {
        "node5": "nothing"
    }


def test_an_upgrade_has_no_place_for_another_worker(site: Site) -> None:
    """10% of four workers is one, which is away."""
    result = site.run(*UPGRADE)
    assert (result.status, result.actions) == (5, [])
    assert "counts against --max-unavailable 10% of 4 workers" in result.errors()[0]["detail"]
    assert set(versions(site).values()) == {OLD}


def test_an_upgrade_continues_within_the_window(site: Site) -> None:
    ends_without(site.run(*UPGRADE, "--max-unavailable", "2"))
    assert versions(site) == dict.fromkeys(("node1", "node2", "node3", "node5"), NEW) | {OFF: OLD}


def test_the_same_commands_finish_it_when_it_is_back(site: Site) -> None:
    site.node(OFF).start()

    result = site.ok(*UPGRADE, "--max-unavailable", "2")

    assert {node for node, _, _ in result.actions} <= {OFF, "node1"}  # node1: etcd's snapshot
    assert set(versions(site).values()) == {NEW}
    site.write_inventory(kubernetes={"version": NEW})
    site.ok("up")
    assert site.run("up", "--exit-code").status == 3

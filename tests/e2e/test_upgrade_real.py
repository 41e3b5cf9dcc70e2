"""Real programs: three control planes behind a balancer, two workers, a workload that serves.

kbootstrap is killed three times on the way; a client asks the workload and the API all the time.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e import random_upgrade
from tests.e2e.balancer import Asker, Balancer, asks
from tests.e2e.site import Site, real_programs
from tests.e2e.upgrades import (
    SECONDS,
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
from tests.lab.images import Files
from tests.lab.shell import wait_until

OLD, NEW = "v1.34.2", "v1.35.1"
pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(3600),
    pytest.mark.usefixtures("as_root"),
    pytest.mark.skipif(
        not (real_programs(OLD) and real_programs(NEW)),
        reason="NOT RUN: an upgrade needs the real programs of two releases",
    ),
]
ALL = ("node1", "node2", "node3", "node4", "node5")
PLANES = ALL[:3]
PORT = 16443
SERVER: Files = {
    "/serve": b"#!/bin/busybox sh\nexec busybox httpd -f -p 8080 -h /answers\n",
    "/bin/busybox": Path("/bin/busybox"),
    "/answers/index.html": b"here\n",
}


@pytest.fixture(scope="module")
def kind() -> str:
    """Only the real binaries."""
    return "real"


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Iterator[Site]:
    """A cluster whose endpoint is the balancer."""
    site = make_site("ur", 5, control_planes=3)
    servers = [(node.address, 6443) for node in site.lab.nodes[:3]]
    with Balancer(site.lab.network.gateway, PORT, servers) as balancer:
        offer(site, OLD, NEW)
        site.extra = site.extra | {"api": {"endpoint": balancer.endpoint}}
        site.write_inventory()
        site.ok("up")
        run_workload(site, site.lab.registry.push_program("serve", "1", SERVER))
        yield site


def test_an_upgrade_without_an_outage(site: Site) -> None:
    """Pods serve at port 8080 of the workers; one of the two always has to."""
    workers = [site.node(name).address for name in ALL[3:]]
    words = ["upgrade", "--to", NEW]

    def serves() -> bool:
        return any(asks(address, 8080, "/", tls=False) == 200 for address in workers)

    def answers() -> bool:
        return asks(site.lab.network.gateway, PORT, "/version", tls=True) == 200

    with Asker(serves) as workload, Asker(answers) as api:
        kill_when(site, words, lambda: runs(site.node("node1"), "kubeadm upgrade apply"))
        kill_when(site, words, lambda: runs(site.node("node2"), "kubeadm upgrade node"))
        kill_when(site, words, lambda: runs(site.node("node4"), "kubeadm upgrade node"))
        result = site.run(*words, seconds=SECONDS)

    assert result.status == 0, result.out[-6000:] + result.err
    for name, asker in (("workload", workload), ("API", api)):
        print(
            f"\n{name}: asked {asker.asked} times, {len(asker.failed)} without an answer, "
            f"the longest time {asker.longest:.1f} s"
        )
    print(f"the last command took {result.seconds:.1f} s")
    assert versions(site) == dict.fromkeys(ALL, NEW)
    assert all(static_pods(site.node(name)) == {NEW} for name in PLANES)
    assert actions_of_all_runs(site, "drain the node") == dict.fromkeys(ALL, 1)
    assert {started(site.node(name), f"upgrade-{NEW}") for name in ALL} == {1}
    assert cordoned(site) == set()
    wait_until(
        "the pod drained last runs again", lambda: available(site) == 2, timeout=180, every=1
    )
    assert workload.failed == []
    assert len(api.failed) <= api.asked // 100


def test_afterwards_there_is_nothing_to_do(site: Site) -> None:
    assert site.run("upgrade", "--to", NEW, "--exit-code").status == 3
    site.write_inventory(kubernetes={"version": NEW})
    assert site.run("up", "--exit-code").status == 3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kills_and_reboots_at_random(make_site: Callable[..., Site], seed: int) -> None:
    """The same command is said again until it is done; two control planes and a worker."""
    site = make_site(f"ur{seed}", 3, control_planes=2)
    servers = [(node.address, 6443) for node in site.lab.nodes[:2]]
    with Balancer(site.lab.network.gateway, PORT, servers) as balancer:
        offer(site, OLD, NEW)
        site.extra = site.extra | {"api": {"endpoint": balancer.endpoint}}
        site.write_inventory()
        site.ok("up")
        print(f"\nseed {seed}:")
        done = random_upgrade.upgrade(site, ["upgrade", "--to", NEW], seed)
        random_upgrade.settled(site)

        names = ALL[:3]
        drains = actions_of_all_runs(site, random_upgrade.DRAIN)
        cut = random_upgrade.drains_cut_short(done)
        ended = {name: random_upgrade.completed(site.node(name), NEW) for name in names}
        print(f"drains {dict(drains)}, cut short {dict(cut)}, upgrades completed {ended}")
        assert versions(site) == dict.fromkeys(names, NEW)
        assert all(static_pods(site.node(name)) == {NEW} for name in ALL[:2])
        assert cordoned(site) == set()
        assert ended == dict.fromkeys(names, 1)
        assert all(drains[name] <= 1 + cut[name] for name in names)
        assert site.run("upgrade", "--to", NEW, "--exit-code").status == 3
        assert random_upgrade.false_errors(done) == []
    site.lab.down()

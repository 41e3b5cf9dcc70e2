"""kill -9 of kbootstrap in the middle of init and joins; the same command finishes the work."""

from collections.abc import Callable

import pytest

from tests.e2e.prefork import Forked
from tests.e2e.site import Site
from tests.lab.shell import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """Three fresh nodes, two of them to be control planes."""
    return make_site(f"k{kind[0]}", 3, control_planes=2)


def kill_during(site: Site, command: list[str], node: str, run: str) -> None:
    """Start kbootstrap, wait until the detached ``run`` is alive on ``node``, kill -9."""
    process = site.start(*command)
    pattern = f"kubeadm {run} "
    try:
        wait_until(
            f"kubeadm {run} runs on {node}",
            lambda: site.node(node).exec(["pgrep", "-f", pattern], check=False).returncode == 0,
            timeout=180,
            every=0.05,
        )
    finally:
        process.kill()
        process.communicate()


def runs_started(site: Site, node: str, run: str) -> int:
    """How often a detached run was started on a node, by the node's own journal."""
    log = (
        site.node(node)
        .exec(f"journalctl --no-pager -q -o cat -u kbootstrap-{run} | grep -c '^Started ' || true")
        .stdout
    )
    return int(log.strip() or 0)


@pytest.mark.parametrize(("node", "run"), [("node1", "init"), ("node2", "join"), ("node3", "join")])
def test_killed_and_said_again(site: Site, node: str, run: str) -> None:
    if node == "node1":
        site.ok("up", "--until", "images")
    limit = {"node1": ["--limit", "node1"], "node2": ["--limit", "node2"]}.get(node, [])

    kill_during(site, ["up", *limit], node, run)
    result = site.ok("up", *limit)

    assert runs_started(site, node, run) == 1
    assert site.ready_nodes()[node]
    assert site.leftovers() == []
    assert site.run("up", *limit, "--exit-code").status == 3
    print(f"\nkilled during {run} on {node} ({site.kind}): done {result.seconds:.1f} s later")


@pytest.mark.all_cases  # the slice of faults/ interrupts the join of a control plane
def test_sigint_lets_go_and_says_how_to_resume(site: Site) -> None:
    site.ok("reset", "node3", "--yes")
    process = site.start("up")
    wait_until(
        "the join runs",
        lambda: (
            site.node("node3").exec(["pgrep", "-f", "kubeadm join "], check=False).returncode == 0
        ),
        timeout=120,
        every=0.05,
    )

    process.send_signal(2)
    out = finish(process)

    assert process.returncode == 130
    assert "KB601" in out
    site.ok("up")
    assert site.ready_nodes()["node3"]


def finish(process: Forked) -> str:
    """The output of a process that should end by itself soon."""
    out, _ = process.communicate(timeout=60)
    return out

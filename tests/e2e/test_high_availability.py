"""Three control planes and a worker from one ``up``; a control plane leaves and comes back."""

import time
from collections.abc import Callable

import pytest

from tests.e2e.argv import ArgvSampler
from tests.e2e.caught import CaughtSecrets
from tests.e2e.secrets import found_secrets
from tests.e2e.site import Site

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """Four fresh nodes."""
    return make_site(f"h{kind[0]}", 4, control_planes=3)


def test_three_control_planes_and_a_worker(site: Site) -> None:
    result = site.ok("up")

    assert site.ready_nodes() == dict.fromkeys(("node1", "node2", "node3", "node4"), True)
    assert site.etcd_members() == {"node1", "node2", "node3"}
    assert site.leftovers() == []
    assert site.run("up", "--exit-code").status == 3
    print(f"\nup, 3 control planes and 1 worker ({site.kind}): {result.seconds:.1f} s")


def test_a_control_plane_leaves_with_its_etcd_member(site: Site) -> None:
    start = time.time()

    result = site.ok("reset", "node3", "--yes")

    assert site.etcd_members() == {"node1", "node2"}
    assert set(site.ready_nodes()) == {"node1", "node2", "node4"}
    for name in ("node2", "node4"):
        assert site.node(name).sshd_log(after=start) == []
    print(f"\nreset of a control plane ({site.kind}): {result.seconds:.1f} s")


def test_it_joins_again_and_nobody_else_is_contacted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a login whose sudo asks for a password; nothing secret is seen or stays anywhere."""
    password = site.lab.sudo_password
    monkeypatch.setenv("LAB_SUDO", password)
    start = time.time()

    with (
        site.with_node("node3", ssh={"user": "opspw", "become_password": {"env": "LAB_SUDO"}}),
        ArgvSampler() as sampler,
        CaughtSecrets(site.node("node3")) as caught,
    ):
        result = site.ok("join", "node3")

    assert sampler.samples > 100
    assert any("kubeadm join --config" in line for line in sampler.lines)
    assert set(caught.values) == {"token", "certificateKey"}
    secrets = {password, *caught.values.values()}
    assert sampler.secrets(secrets) == []
    assert not any(secret in result.out + result.err for secret in secrets)
    assert found_secrets(site, secrets) == []
    assert site.etcd_members() == {"node1", "node2", "node3"}
    assert site.ready_nodes() == dict.fromkeys(("node1", "node2", "node3", "node4"), True)
    assert site.leftovers() == []
    for name in ("node2", "node4"):
        assert site.node(name).sshd_log(after=start) == []
    print(f"\njoin of a control plane ({site.kind}): {result.seconds:.1f} s")


def test_another_operator_goes_on_without_our_files(site: Site) -> None:
    site.kubeconfig.unlink()
    elsewhere = site.folder / "another-machine"
    elsewhere.mkdir()
    inventory = elsewhere / "inventory.yaml"
    inventory.write_text(site.inventory.read_text())

    plan = site.run("up", str(inventory), "--dry-run")

    assert [phase for _, phase, _ in plan.plan] == ["kubeconfig"]

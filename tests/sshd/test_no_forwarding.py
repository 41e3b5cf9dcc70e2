"""A control plane whose sshd forwards nothing: found by the probe, before anything is changed."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.engine.events import Bus
from kbootstrap.errors import KbError
from kbootstrap.model.cluster import Role
from kbootstrap.options import RunOptions
from kbootstrap.run.run import Run
from tests.laws.clusters import cluster
from tests.load import within
from tests.sshd.server import running


def probed(
    tmp_path: Path, *sshd: str, roles: frozenset[Role] = frozenset(Role), without_api: bool = False
) -> list[KbError]:
    """The errors of a probe of one node with this configuration of sshd."""
    with running(tmp_path / "sshd", *sshd) as server:
        known = cluster("single")
        node = replace(known.first, ssh=server.target(), roles=roles, advertise_address="127.0.0.1")
        known = replace(known, nodes=(node,))
        options = RunOptions(inventory=tmp_path, without_api=without_api)
        with Run(options, known, (), Bus()) as run:
            run.probe([node])
            return run.errors


@pytest.mark.parametrize(
    "option", ["AllowTcpForwarding no", "AllowTcpForwarding remote", "PermitOpen 127.0.0.1:22"]
)
def test_a_control_plane_that_forwards_nothing(tmp_path: Path, option: str) -> None:
    begin = time.monotonic()
    errors = probed(tmp_path, option)
    assert [error.code.id for error in errors] == ["KB211"]
    assert errors[0].where.node == "n1"
    assert "AllowTcpForwarding yes" in errors[0].hint
    assert time.monotonic() - begin < within(30)


@pytest.mark.parametrize("option", ["AllowTcpForwarding local", "PermitOpen 127.0.0.1:6443"])
def test_one_that_forwards_to_the_api_will_do(tmp_path: Path, option: str) -> None:
    assert probed(tmp_path, option) == []


def test_a_worker_needs_no_forwarding(tmp_path: Path) -> None:
    assert probed(tmp_path, "AllowTcpForwarding no", roles=frozenset({Role.WORKER})) == []


def test_neither_does_a_reset_without_the_api(tmp_path: Path) -> None:
    assert probed(tmp_path, "AllowTcpForwarding no", without_api=True) == []

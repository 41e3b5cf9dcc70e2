"""A server, and connections to it that are closed after the test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.hosts import Hosts
from kbootstrap.remote.meter import Meter
from kbootstrap.remote.secret_source import Secrets
from tests.sshd.server import SSHD, Server, running

MakeHosts = Callable[..., Hosts]


@pytest.fixture(autouse=True)
def _sshd_there() -> None:
    if shutil.which(SSHD) is None or shutil.which("ssh-keygen") is None:
        pytest.skip("OpenSSH server and client are not installed")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def make_hosts(tmp_path: Path) -> Iterator[MakeHosts]:
    """Make `Hosts` that trust no file by default, with their state in the test's directory."""
    made: list[Hosts] = []

    def make(trust: HostKeys | None = None, meter: Meter | None = None) -> Hosts:
        state = str(tmp_path / "state")
        hosts = Hosts(trust or HostKeys([]), Secrets(), meter or Meter(), state=state)
        made.append(hosts)
        return hosts

    yield make
    for hosts in made:
        hosts.close()


@pytest.fixture
def target(server: Server) -> SshTarget:
    return server.target()

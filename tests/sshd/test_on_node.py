"""What only a real node has: systemd under detached runs, sudo with PAM, reboots."""

from collections.abc import Iterator

import pytest

from kbootstrap.errors import LoginError, LostError
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.hosts import Connection, Hosts
from kbootstrap.remote.meter import Meter
from kbootstrap.remote.protocol import Part, PartResult
from kbootstrap.remote.secret_source import Secrets
from kbootstrap.secret import SecretRef
from tests.lab.fixture import LabFactory, module_lab_factory
from tests.lab.lab import Lab
from tests.sshd.test_sudo import SUDO

__all__ = ["module_lab_factory"]  # pytest finds the fixture by its name here

pytestmark = pytest.mark.lab

JOB = "kb_detach job 300 <<'END'\n{}\nEND\n"
PASSWORD = SecretRef("env", "KB_TEST_SUDO")


@pytest.fixture(scope="module")
def lab(module_lab_factory: LabFactory) -> Lab:
    return module_lab_factory(1)


@pytest.fixture
def hosts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    monkeypatch.setenv("KB_TEST_SUDO", lab.sudo_password)
    hosts = Hosts(HostKeys([lab.known_hosts()]), Secrets(), Meter())
    yield hosts
    hosts.close()


def connect(
    hosts: Hosts, lab: Lab, user: str = "root", password: SecretRef | None = None
) -> Connection:
    target = SshTarget(
        host=lab.nodes[0].address,
        user=user,
        key_file=str(lab.key),
        become=user != "root",
        become_password=password,
    )
    return hosts.connection(target, "node1")


def step(connection: Connection, script: str, run_id: str) -> PartResult:
    return connection.perform([Part("a", script)], run_id=run_id).part("a")


@pytest.mark.parametrize(
    ("user", "password"), [("root", None), ("ops", None), ("ops", PASSWORD), ("opspw", PASSWORD)]
)
def test_every_way_to_be_root(
    hosts: Hosts, lab: Lab, user: str, password: SecretRef | None
) -> None:
    connection = connect(hosts, lab, user, password)
    for _ in range(2):
        assert step(connection, "id -un; echo $HOME", "r").output == "root\n/root\n"


def test_a_wrong_sudo_password_counts_once(
    hosts: Hosts, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_TEST_SUDO", "wrong")
    with pytest.raises(LoginError) as caught:
        step(connect(hosts, lab, "opspw", PASSWORD), "true", "r")
    assert caught.value.code.id == "KB206"
    journal = "journalctl --no-pager --identifier sudo | grep -c 'authentication failure;'"
    assert lab.nodes[0].exec(journal).stdout.strip() == "1"


def test_sudo_rs_is_killed_before_it_takes_the_end_of_input_for_a_password(
    hosts: Hosts, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Played by a script: unlike sshd's root, an account on a node gets its signals through."""
    monkeypatch.setenv("KB_TEST_SUDO", "guess")
    node, path = lab.nodes[0], "/usr/local/bin/sudo"
    node.exec(f"cat >{path}; chmod 755 {path}; echo rs >{path}.mode", stdin=SUDO)
    node.exec(f"touch {path}.calls {path}.tries; chmod 666 {path}.calls {path}.tries")
    try:
        with pytest.raises(LoginError) as caught:
            step(connect(hosts, lab, "opspw", PASSWORD), "true", "r")
        tries = node.exec(f"cat {path}.tries").stdout.splitlines()
    finally:
        node.exec(f"rm {path} {path}.*")
    assert caught.value.code.id == "KB206"
    assert tries == ["guess"]


def test_a_detached_run_is_a_unit_of_its_own(hosts: Hosts, lab: Lab) -> None:
    connection = connect(hosts, lab)
    script = "cat /proc/self/cgroup; systemctl show -p KillMode -p RuntimeMaxUSec kbootstrap-job"
    output = step(connection, JOB.format(f"{script}; exit 3"), "unit").output
    assert "/system.slice/kbootstrap-job.service" in output
    assert "KillMode=mixed" in output
    assert "RuntimeMaxUSec=5min 30s" in output
    again = step(connection, JOB.format("echo never"), "unit")
    assert (again.rc, again.output) == (3, output)
    assert (
        step(connection, "systemctl list-units --all --no-legend 'kbootstrap*'", "u").output == ""
    )


def test_it_outlives_the_ssh_session(hosts: Hosts, lab: Lab) -> None:
    connection = connect(hosts, lab)
    job = JOB.format("echo x >>/run/count; echo one; sleep 1; echo two; exit 4")
    script = f"echo $PPID >/run/session\n{job}"  # the driver's parent is its sshd

    def kill(_: str, text: str) -> None:
        if "one" in text:
            lab.nodes[0].exec("kill -9 $(cat /run/session)")

    with pytest.raises(LostError):
        connection.perform([Part("a", script)], run_id="outlives", on_output=kill)
    result = step(connection, script, "outlives")
    assert (result.rc, result.output) == (4, "one\ntwo\n")
    assert step(connection, "cat /run/count", "r").output == "x\n"


def test_a_stopped_unit_is_lost(hosts: Hosts, lab: Lab) -> None:
    def stop(_: str, text: str) -> None:
        if "one" in text:
            lab.nodes[0].exec("systemctl stop kbootstrap-job")

    script = JOB.format("echo one; sleep 60")
    reply = connect(hosts, lab).perform([Part("a", script)], run_id="stopped", on_output=stop)
    assert reply.part("a").rc == 98


def test_a_reboot_is_distinguished_from_a_crash(hosts: Hosts, lab: Lab) -> None:
    connection = connect(hosts, lab)
    script = JOB.format("echo one; sleep 60")

    def reboot(_: str, text: str) -> None:
        if "one" in text:
            lab.nodes[0].reboot()

    with pytest.raises(LostError):
        connection.perform([Part("a", script)], run_id="reboot", on_output=reboot)
    assert step(connection, script, "reboot").rc == 97
    assert step(connection, "kb_run_state job", "reboot").output == "lost\n"

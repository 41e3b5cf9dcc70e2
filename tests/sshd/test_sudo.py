"""sudo, played by a script that behaves like it and counts its tries."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.errors import LoginError
from kbootstrap.remote import transfer
from kbootstrap.remote.hosts import Connection
from kbootstrap.remote.protocol import Part
from kbootstrap.secret import SecretRef
from tests.sshd.conftest import MakeHosts
from tests.sshd.server import Server, running

SUDO = """#!/bin/sh
# -n -- COMMAND   or   -S -k -p PROMPT -- COMMAND
mode=$(cat "$0.mode")
echo "$*" >>"$0.calls"
if [ "$1" = -n ]; then
  [ "$mode" != tty ] || { echo "sudo: sorry, you must have a tty to run sudo" >&2; exit 1; }
  [ "$mode" = nopasswd ] || { echo "sudo: a password is required" >&2; exit 1; }
  shift 2
  exec "$@"
fi
prompt=$4
shift 5
[ "$mode" != nopasswd ] || { tee "$0.input" | "$@"; exit; }  # as `Defaults log_input` does
[ "$mode" != noisy ] || head -c 200000 /dev/zero | tr '\\0' x >&2
[ "$mode" != mute ] || { echo "Smartcard PIN:" >&2; IFS= read -r line || :; exit 1; }
[ "$mode" != denied ] || { echo "user is not in the sudoers file." >&2; exit 1; }
echo "We trust you have received the usual lecture." >&2
for try in 1 2 3; do
  printf '%s' "$prompt" >&2
  # The end of input is an empty password for sudo-rs.
  IFS= read -r line || [ "$mode" = rs ] || { echo "sudo: no password was provided" >&2; exit 1; }
  echo "$line" >>"$0.tries"
  [ "$line" != "open sesame" ] || exec "$@"
  echo "Leider falsch." >&2
done
echo "sudo: 3 incorrect password attempts" >&2
exit 1
"""


class Sudo:
    """The script's directory."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.path = folder / "sudo"
        self.path.write_text(SUDO)
        self.path.chmod(0o755)

    def mode(self, mode: str) -> None:
        self.path.with_suffix(".mode").write_text(mode)

    @property
    def tries(self) -> list[str]:
        file = self.path.with_suffix(".tries")
        return file.read_text().splitlines() if file.exists() else []

    @property
    def input(self) -> str:
        """All that came on stdin of what sudo ran."""
        return self.path.with_suffix(".input").read_text()

    @property
    def calls(self) -> str:
        return self.path.with_suffix(".calls").read_text()


@pytest.fixture
def sudo(tmp_path: Path) -> Sudo:
    return Sudo(tmp_path / "bin")


@pytest.fixture
def server(tmp_path: Path, sudo: Sudo, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """One whose PATH begins with our sudo; the tests may run as root, who would not need it."""
    monkeypatch.setattr(Connection, "_become", True)
    path = f"PATH={sudo.path.parent}:/usr/local/bin:/usr/bin:/bin"
    with running(tmp_path / "sshd", environment=(path,)) as server:
        yield server


@pytest.fixture
def connection(
    make_hosts: MakeHosts, server: Server, monkeypatch: pytest.MonkeyPatch
) -> Connection:
    """With a password to give."""
    monkeypatch.setenv("KB_TEST_SUDO", "open sesame")
    ref = SecretRef("env", "KB_TEST_SUDO")
    return make_hosts().connection(server.target(become=True, become_password=ref), "node1")


STEP = [Part("a", "echo in; cat", "step")]


def test_with_a_password(connection: Connection, sudo: Sudo) -> None:
    sudo.mode("password")
    for _ in range(2):
        assert connection.perform(STEP, run_id="r").output("a") == "in\n"
    assert sudo.tries == ["open sesame"]  # the second found the first one's shell
    assert "sesame" not in sudo.calls


def test_a_password_that_is_not_asked_for_is_not_sent(connection: Connection, sudo: Sudo) -> None:
    sudo.mode("nopasswd")
    assert connection.perform(STEP, run_id="r").output("a") == "in\n"
    assert "KB1 " in sudo.input
    assert "sesame" not in sudo.input


def test_a_prompt_behind_a_lot_of_noise(connection: Connection, sudo: Sudo) -> None:
    sudo.mode("noisy")
    assert connection.perform(STEP, run_id="r").output("a") == "in\n"
    assert sudo.tries == ["open sesame"]


def test_a_prompt_that_is_not_ours_gets_no_password(
    connection: Connection, sudo: Sudo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_SUDO_SECONDS", 0.5)
    monkeypatch.setattr(transfer, "_QUIET_SECONDS", 0.1)
    sudo.mode("mute")
    with pytest.raises(LoginError) as caught:
        connection.perform(STEP, run_id="r")
    assert caught.value.code.id == "KB215"
    assert "Smartcard PIN:" in caught.value.detail


def test_a_wrong_password_is_tried_once(
    connection: Connection, sudo: Sudo, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_TEST_SUDO", "guess")
    sudo.mode("password")
    for _ in range(2):
        with pytest.raises(LoginError) as caught:
            connection.perform(STEP, run_id="r")
        assert caught.value.code.id == "KB206"
        assert "guess" not in str(caught.value) + caught.value.detail
    assert sudo.tries == ["guess"]
    assert server.connections == 1


def test_not_allowed_at_all(connection: Connection, sudo: Sudo) -> None:
    sudo.mode("denied")
    with pytest.raises(LoginError) as caught:
        connection.perform(STEP, run_id="r")
    assert caught.value.code.id == "KB205"
    assert "not in the sudoers file" in caught.value.detail


def test_without_a_password(make_hosts: MakeHosts, server: Server, sudo: Sudo) -> None:
    sudo.mode("nopasswd")
    connection = make_hosts().connection(server.target(become=True), "node1")
    assert connection.perform(STEP, run_id="r").output("a") == "in\n"


def test_a_password_is_wanted_and_we_have_none(
    make_hosts: MakeHosts, server: Server, sudo: Sudo
) -> None:
    sudo.mode("password")
    connection = make_hosts().connection(server.target(become=True), "node1")
    with pytest.raises(LoginError) as caught:
        connection.perform(STEP, run_id="r")
    assert caught.value.code.id == "KB205"
    assert "a password is required" in caught.value.detail


def test_no_sudo_installed(
    make_hosts: MakeHosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "_become", True)
    with running(tmp_path / "sshd", environment=("PATH=/nonexistent",)) as server:
        connection = make_hosts().connection(server.target(become=True), "node1")
        with pytest.raises(LoginError) as caught:
            connection.perform(STEP, run_id="r")
    assert caught.value.code.id == "KB217"
    assert "not found" in caught.value.detail


def test_a_terminal_is_required(make_hosts: MakeHosts, server: Server, sudo: Sudo) -> None:
    sudo.mode("tty")
    connection = make_hosts().connection(server.target(become=True), "node1")
    with pytest.raises(LoginError) as caught:
        connection.perform(STEP, run_id="r")
    assert caught.value.code.id == "KB218"
    assert "you must have a tty" in caught.value.detail


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("echo This account is currently not available.; exit 1", "KB209"),
        ("exit 0", "KB209"),
        ("echo Password change required but no TTY available. >&2; exit 1", "KB219"),
    ],
)
def test_what_is_no_fault_of_sudo(
    make_hosts: MakeHosts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    code: str,
) -> None:
    """It is not sudo that a user has to look at."""
    monkeypatch.setattr(Connection, "_become", True)
    with running(tmp_path / "sshd", f"ForceCommand {command}") as server:
        connection = make_hosts().connection(server.target(become=True), "node1")
        with pytest.raises(LoginError) as caught:
            connection.perform(STEP, run_id="r")
    assert caught.value.code.id == code
    assert "sudo" not in caught.value.message

"""Detached runs: once only, whatever happens to who started them."""

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kbootstrap.remote.protocol import Part, PartResult, Reply
from kbootstrap.render import render
from tests.load import within
from tests.unit.remote.conftest import Machine

WaitFor = Callable[[Callable[[], bool]], None]


def detach(body: str, seconds: int = 60) -> str:
    return f"kb_detach job {seconds} <<'END'\n{body}\nEND\n"


def until(path: Path) -> str:
    return f"until [ -e {path} ]; do sleep 0.05; done"


def runner_pid(machine: Machine) -> int:
    return int((machine.state / "run" / "job" / "pid").read_text().split()[0])


class Client(threading.Thread):
    """Another run that performs a step."""

    def __init__(self, machine: Machine, script: str, run_id: str) -> None:
        super().__init__()
        self._machine = machine
        self._part = Part("p", machine.prefix + script)
        self._run_id = run_id
        self._heard = ""
        self.replies: list[Reply] = []
        self.start()

    def run(self) -> None:
        perform = self._machine.connection.perform
        self.replies.append(perform([self._part], run_id=self._run_id, on_output=self._hear))

    def _hear(self, _: str, text: str) -> None:
        self._heard += text

    def heard(self) -> str:
        """What has come so far."""
        return self._heard

    def result(self) -> PartResult:
        """The result, once it is there."""
        self.join()
        return self.replies[0].part("p")


def test_output_and_status_come_back(machine: Machine) -> None:
    result = machine.step(detach("echo out; echo err >&2; exit 7"))
    assert (result.rc, result.output) == (7, "out\nerr\n")
    folder = machine.state / "run" / "job"
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("script", "run_id", "boot_id", "out", "rc", "lock"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600, name


def test_the_script_runs_in_a_plain_environment(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("some_proxy", "http://nowhere")
    output = machine.step(detach("umask; env; ls -l /proc/self/fd | wc -l")).output
    assert output.startswith("0022\n")
    assert "nowhere" not in output
    assert "KB_" not in output


def test_the_script_stops_at_its_first_error(machine: Machine) -> None:
    assert machine.step(detach("echo a; false; echo b")).output == "a\n"


def test_a_finished_run_of_ours_is_replayed_not_repeated(machine: Machine, tmp_path: Path) -> None:
    body = f"echo once >>{tmp_path}/count; echo hi; exit 3"
    for _ in range(3):
        result = machine.step(detach(body))
        assert (result.rc, result.output) == (3, "hi\n")
    assert (tmp_path / "count").read_text() == "once\n"


def test_another_run_starts_again(machine: Machine, tmp_path: Path) -> None:
    body = f"echo x >>{tmp_path}/count; cat {tmp_path}/count"
    assert machine.step(detach(body), run_id="run1").output == "x\n"
    assert machine.step(detach(body), run_id="run2").output == "x\nx\n"


def test_another_run_does_not_get_the_result_of_one_that_is_ending(machine: Machine) -> None:
    """A runner writes its status before its lock is released."""
    assert machine.step(detach("echo old; exit 7"), run_id="run1").rc == 7
    with (machine.state / "run" / "job" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(0.4, fcntl.flock, (lock, fcntl.LOCK_UN)).start()

        result = machine.step(detach("echo new"), run_id="run2")

    assert (result.rc, result.output) == (0, "new\n")


def test_a_run_that_lives_is_joined_by_anybody(
    machine: Machine, tmp_path: Path, wait_for: WaitFor
) -> None:
    body = f"echo x >>{tmp_path}/count; echo a; {until(tmp_path / 'go')}; echo b"
    first = Client(machine, detach(body), "run1")
    wait_for((tmp_path / "count").exists)
    second = Client(machine, detach("echo never"), "run2")
    wait_for(lambda: "a" in second.heard())
    assert machine.probe("kb_run_state job") == "running"
    (tmp_path / "go").touch()
    assert first.result().output == second.result().output == "a\nb\n"
    assert (tmp_path / "count").read_text() == "x\n"


def test_many_starters_make_one_run(machine: Machine, tmp_path: Path) -> None:
    body = f"echo x >>{tmp_path}/count; sleep 0.3; echo done"
    clients = [Client(machine, detach(body), "run1") for _ in range(6)]
    assert {client.result().output for client in clients} == {"done\n"}
    assert (tmp_path / "count").read_text() == "x\n"


def test_the_runner_survives_its_starter(
    machine: Machine, tmp_path: Path, wait_for: WaitFor
) -> None:
    """The driver is killed; the next request with the same run id gets the whole result."""
    body = f"touch {tmp_path}/up; {until(tmp_path / 'go')}; exit 6"
    driver = tmp_path / "driver"
    script = f"echo $$ >{driver}\n" + detach(body)
    thread = threading.Thread(target=lambda: _ignore_loss(machine, script))
    thread.start()
    wait_for((tmp_path / "up").exists)
    os.killpg(int(driver.read_text()), signal.SIGKILL)
    (tmp_path / "go").touch()
    assert machine.step(script).rc == 6
    thread.join()


def _ignore_loss(machine: Machine, script: str) -> None:
    from kbootstrap.errors import LostError  # noqa: PLC0415

    with pytest.raises(LostError):
        machine.step(script)


def test_a_killed_runner_is_lost(machine: Machine, tmp_path: Path, wait_for: WaitFor) -> None:
    client = Client(machine, detach(f"echo a; touch {tmp_path}/up; sleep 1"), "run1")
    wait_for((tmp_path / "up").exists)
    os.kill(runner_pid(machine), signal.SIGKILL)
    wait_for(lambda: machine.probe("kb_run_state job") == "lost")  # the signal takes a moment
    assert (client.result().rc, client.result().output) == (98, "a\n")
    assert machine.step(detach("echo never"), run_id="run1").rc == 98
    assert machine.step(detach("echo new"), run_id="run2").output == "new\n"


def test_a_run_cut_off_by_a_reboot_says_so(
    machine: Machine, tmp_path: Path, wait_for: WaitFor
) -> None:
    client = Client(machine, detach(f"touch {tmp_path}/up; sleep 0.5"), "run1")
    wait_for((tmp_path / "up").exists)
    os.kill(runner_pid(machine), signal.SIGKILL)
    (machine.state / "run" / "job" / "boot_id").write_text("another\n")
    assert client.result().rc == 97
    assert machine.step(detach("echo never"), run_id="run1").rc == 97


def test_the_deadline_is_enforced_on_the_node(machine: Machine) -> None:
    begin = time.monotonic()
    result = machine.step(detach("echo a; sleep 30", seconds=1))
    busybox = "busybox" in machine.connection.shell  # whose timeout does not say 124
    assert result.rc == (143 if busybox else 124)
    assert time.monotonic() - begin < within(10)


def test_states(machine: Machine) -> None:
    assert machine.probe("kb_run_state job") == "none"
    machine.step(detach("true"))
    assert machine.probe("kb_run_state job") == "ok"
    machine.step(detach("exit 9"), run_id="other")
    assert machine.probe("kb_run_state job") == "failed"


def test_a_daemon_left_behind_delays_no_request(machine: Machine, tmp_path: Path) -> None:
    body = f"sleep 60 & echo $! >{tmp_path}/pid; echo ok"
    begin = time.monotonic()
    assert machine.step(detach(body)).output == "ok\n"
    assert machine.step(detach("echo next"), run_id="run2").output == "next\n"
    assert time.monotonic() - begin < within(30)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a b"])
def test_names_cannot_leave_the_directory(machine: Machine, name: str) -> None:
    assert machine.step(f"kb_detach '{name}' 5 <<'E'\necho x\nE\n").rc == 99


def test_a_second_attach_gets_only_the_rest(machine: Machine, tmp_path: Path) -> None:
    """What was heard before the loss is not heard again, but is in the reply."""
    body = f"echo one; {until(tmp_path / 'go')}; echo two"
    driver = tmp_path / "driver"
    script = f"{machine.prefix}echo $$ >{driver}\n" + detach(body)
    heard: list[str] = []

    def hear(_: str, text: str) -> None:
        heard.append(text)
        if "one" in text:
            os.killpg(int(driver.read_text()), signal.SIGKILL)

    from kbootstrap.errors import LostError  # noqa: PLC0415

    with pytest.raises(LostError):
        machine.connection.perform([Part("p", script)], run_id="r", on_output=hear)
    (tmp_path / "go").touch()
    reply = machine.connection.perform([Part("p", script)], run_id="r", on_output=hear)
    assert "".join(heard) == "one\ntwo\n"
    assert reply.output("p") == "one\ntwo\n"


def test_reattaching_starts_nothing(machine: Machine) -> None:
    assert machine.step("kb_reattach job").rc == 98
    assert machine.probe("kb_run_state job") == "none"


def test_reattaching_gives_the_end_of_any_run(
    machine: Machine, tmp_path: Path, wait_for: WaitFor
) -> None:
    client = Client(machine, detach(f"echo a; {until(tmp_path / 'go')}; exit 5"), "run1")
    wait_for(lambda: "a" in client.heard())
    other = Client(machine, "kb_reattach job", "run2")
    wait_for(lambda: "a" in other.heard())
    (tmp_path / "go").touch()
    assert (client.result().rc, other.result().rc) == (5, 5)
    assert machine.step("kb_reattach job", run_id="run3").output == "a\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small disk")
def test_the_status_is_stored_on_a_disk_that_is_full_by_then(machine: Machine) -> None:
    folder = machine.state / "run"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder], check=True)
    try:
        fill = f"head -c 1000000 /dev/zero >{folder}/ballast 2>/dev/null || exit 7"
        result = machine.step(detach(fill))
        (folder / "ballast").unlink()

        assert result.rc == 7, result.output
        assert "No space left on device" in result.output
        assert (folder / "job" / "rc").read_text().split() == ["7"]
        assert not (folder / "job" / "end").exists()
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_verdict_cut_off_by_a_full_disk_is_none(machine: Machine, tmp_path: Path) -> None:
    """The probe of the phase kubeadm-config must not fail for ever after."""
    config = tmp_path / "kubeadm.yaml"
    (tmp_path / "kubeadm.yaml.valid").touch()
    probe = render("kubeadm/config_probe.sh.j2", config=str(config), patches=str(tmp_path / "p"))

    assert "validated" in machine.probe(probe)

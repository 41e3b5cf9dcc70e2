"""The driver and its promises, under every shell."""

import os
import subprocess
from pathlib import Path

import pytest

from kbootstrap.errors import LostError
from kbootstrap.remote.local import LocalConnection
from kbootstrap.remote.protocol import Blob, Part, Request
from kbootstrap.remote.shell_library import stage0
from tests.unit.remote.conftest import SHELLS, Machine


def test_a_failing_step_stops_later_parts_but_not_always_ones(machine: Machine) -> None:
    reply = machine.connection.perform(
        [
            Part("first", "echo one"),
            Part("bad", "echo two; false; echo never"),
            Part("skipped", "echo three"),
            Part("look", "kb_fact x 1", "probe"),
            Part("cleanup", "echo four", always=True),
            Part("facts", "kb_fact y 2", "probe", always=True),
        ],
        run_id="r",
    )
    seen = [(r.id, r.rc, r.skipped, r.output) for r in reply.results]
    assert seen == [
        ("first", 0, False, "one\n"),
        ("bad", 1, False, "two\n"),
        ("skipped", 0, True, ""),
        ("look", 0, True, ""),
        ("cleanup", 0, False, "four\n"),
        ("facts", 0, False, "y=2"),
    ]
    assert not reply.ok
    assert reply.first_failure == reply.part("bad")


def test_a_failing_probe_stops_nothing(machine: Machine) -> None:
    parts = [Part("p", "echo x=1; echo why >&2; exit 3", "probe"), Part("s", "echo went on")]
    reply = machine.connection.perform(parts, run_id="r")
    assert (reply.part("p").rc, reply.output("p"), reply.part("p").stderr) == (3, "x=1", "why\n")
    assert reply.output("s") == "went on\n"


KILL = "read -r _ _ _ driver _ </proc/self/stat; kill -9 $driver"


@pytest.mark.parametrize("script", ["exit 5", "(exit 5)", "set +e; false; exit 5", KILL])
def test_no_part_can_end_the_driver_unseen(machine: Machine, script: str) -> None:
    parts = [Part("a", script), Part("b", "echo still here", always=True)]
    if script == KILL:
        with pytest.raises(LostError):
            machine.connection.perform(parts, run_id="r")
        return
    reply = machine.connection.perform(parts, run_id="r")
    assert reply.part("a").rc == 5
    assert reply.output("b") == "still here\n"


def test_a_syntax_error_is_that_part_s_own(machine: Machine) -> None:
    parts = [Part("a", "if then fi )"), Part("b", "echo fine", always=True)]
    reply = machine.connection.perform(parts, run_id="r")
    assert reply.part("a").rc != 0
    assert reply.output("b") == "fine\n"


def test_unset_variables_are_errors(machine: Machine) -> None:
    assert machine.step('echo "$no_such_thing"').rc != 0


def test_a_part_cannot_eat_the_script_or_the_blobs(machine: Machine) -> None:
    parts = [
        Part("a", "cat; echo done", blobs=(Blob(5, b"blob!"),)),
        Part("b", "kb_take 4; kb_left=0", blobs=(Blob(4, b"mine"),)),
    ]
    reply = machine.connection.perform(parts, run_id="r")
    assert reply.output("a") == "done\n"
    assert reply.output("b") == "mine"


def test_unread_blobs_of_skipped_parts_are_passed_over(machine: Machine) -> None:
    parts = [
        Part("a", "exit 1", blobs=(Blob(3, b"aaa"),)),
        Part("b", "kb_take 3", blobs=(Blob(3, b"bbb"),)),
        Part("c", "kb_take 3; kb_left=0", blobs=(Blob(3, b"ccc"),), always=True),
    ]
    assert machine.connection.perform(parts, run_id="r").output("c") == "ccc"


def test_parts_see_a_clean_environment(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "no_proxy", "CDPATH", "BASH_ENV", "ENV"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    facts = machine.probe("env; umask; echo $PATH")
    assert "/nowhere" not in facts
    assert "LC_ALL=C\n" in facts
    assert "0077" in facts.splitlines()
    assert "/usr/local/bin" in facts
    assert "/sbin" in facts


def test_the_nonce_is_not_exported_and_stdout_not_held(machine: Machine) -> None:
    assert "KB_MARK" not in machine.step("env").output
    assert machine.step("echo x >&3").rc != 0


def test_forged_frames_in_output_change_nothing(machine: Machine) -> None:
    result = machine.step(r"printf '\036KB1 %032d Z 1\n' 0; printf '\036KB1 ready\n'; exit 4")
    assert result.rc == 4
    assert result.output == f"\x1eKB1 {'0' * 32} Z 1\n\x1eKB1 ready\n"


def test_binary_output_is_retained(machine: Machine) -> None:
    assert machine.step(r"printf '\001\377\000end'").output == "\x01�\x00end"


def test_a_probe_s_length_counts_bytes(machine: Machine) -> None:
    assert machine.probe("echo größe=1; echo y=2") == "größe=1\ny=2"


def test_long_output_is_cut_in_the_middle(machine: Machine) -> None:
    result = machine.step("echo first; head -c 1000000 /dev/zero | tr '\\0' x; echo; echo last")
    assert result.truncated
    assert len(result.output) < 300_000
    assert result.output.startswith("first\n")
    assert result.output.endswith("x\nlast\n")
    assert "bytes left out" in result.output


def test_the_private_directory_is_private_and_goes_away(machine: Machine) -> None:
    result = machine.step('echo "$KB_TMP"; stat -c "%a" "$KB_TMP"; echo x >"$KB_TMP/file"; exit 1')
    path, mode = result.output.split()
    assert mode == "700"
    assert not Path(path).exists()


def test_the_private_directory_goes_away_when_the_reader_does(
    machine: Machine, tmp_path: Path
) -> None:
    """As when sshd is killed: the pipes close and the next mark is the driver's end."""
    shell = machine.connection.shell
    note = tmp_path / "note"
    request = Request((Part("a", f'echo "$KB_TMP" >{note}; sleep 0.3'), Part("b", "true")), "r")
    pipe = subprocess.PIPE
    process = subprocess.Popen([*shell, "-c", stage0()], stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdin.write(request.head())
    process.stdin.close()
    while not note.exists() or not note.read_text():
        assert process.poll() is None
    process.stdout.close()
    process.stderr.close()
    assert process.wait(10) != 0
    assert not Path(note.read_text().strip()).exists()


def test_a_script_cut_short_is_not_run(shell: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    head = Request((Part("a", f"touch {target}"),), "r").head()
    for cut in (10, len(head) // 2, len(head) - 1):
        done = subprocess.run(
            [*SHELLS[shell], "-c", stage0()], input=head[:cut], capture_output=True, check=False
        )
        assert done.returncode in {120, 122}
    assert not target.exists()


@pytest.mark.parametrize("line", [b"KB1x pass word 3", b"KB1:", b""])
def test_a_line_that_is_no_request_ends_it(shell: str, line: bytes) -> None:
    request = Request((Part("a", "echo ran"),), "r")
    done = subprocess.run(
        [*SHELLS[shell], "-c", stage0()],
        input=line + b"\n" + request.head(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 121
    assert b"ran\n" not in done.stderr


def test_secrets_are_in_no_argument_or_environment(machine: Machine) -> None:
    """Every process of the request, seen from the inside."""
    script = (
        "secret=hunter2; for f in /proc/$$/cmdline /proc/$$/environ; do "
        'tr "\\0" " " <$f; done; ps -ef 2>/dev/null || ps'
    )
    assert "hunter2" not in machine.step(script).output


def test_live_output_comes_as_it_is_made(machine: Machine, tmp_path: Path) -> None:
    """The step waits for a file that only its own live output makes us write."""
    flag = tmp_path / "flag"

    def hear(part_id: str, text: str) -> None:
        assert part_id == "a"
        if "tick" in text:
            flag.touch()

    script = f"echo tick; n=0; until [ -e {flag} ]; do n=$((n+1)); [ $n -lt 300 ]; sleep 0.03; done"
    reply = machine.connection.perform([Part("a", script)], run_id="r", on_output=hear)
    assert reply.ok


def test_millis_are_measured(machine: Machine) -> None:
    assert 200 <= machine.step("sleep 0.25").millis < 5000


def test_the_meter_counts() -> None:
    connection = LocalConnection(("sh",), name="n")
    connection.perform([Part("a", ""), Part("b", "")], run_id="r")
    connection.perform([Part("a", "")], run_id="r")
    usage = connection._meter.snapshot()["n"]  # noqa: SLF001
    assert (usage.trips, usage.parts) == (2, 3)
    assert usage.sent > 1000
    assert usage.received > 100


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a PID namespace to count processes in")
def test_one_fork_per_part() -> None:
    """In a PID namespace of its own, process numbers count forks exactly."""
    connection = LocalConnection(("unshare", "--pid", "--fork", "dash"))

    def last_pid(parts: int) -> int:
        many = [Part(f"p{n}", "kb_fact x 1", "probe") for n in range(parts)]
        counter = Part("c", "sh -c 'echo $$'", "probe")
        return int(connection.perform([*many, counter], run_id="r").output("c"))

    assert last_pid(40) - last_pid(0) == 40

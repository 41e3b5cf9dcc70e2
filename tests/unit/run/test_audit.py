"""The audit record: one line for each run that contacts nodes, whatever ends it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from kbootstrap import __version__, codes
from kbootstrap.cli import main
from kbootstrap.errors import ExitCode, RefusedError
from kbootstrap.model.example import example
from kbootstrap.options import RunOptions
from kbootstrap.run.report import Report


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.99 52000 192.0.2.1 22")
    monkeypatch.setattr("sys.argv", ["kbootstrap", "up", "a b.yaml"])
    monkeypatch.setattr("getpass.getuser", lambda: "alice")
    monkeypatch.setattr("socket.gethostname", lambda: "ops1")
    monkeypatch.delenv("SUDO_USER", raising=False)
    return tmp_path / "state" / "kbootstrap"


def records(state: Path) -> list[dict[str, Any]]:
    file = state / "audit.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def replaced(monkeypatch: pytest.MonkeyPatch, ending: ExitCode | BaseException) -> None:
    """`up` with nothing but its beginning and this end."""

    def up(options: RunOptions, report: Report) -> ExitCode:
        assert options.verb in {"up", "plan"}
        report.begin("demo", "run1", example().nodes)
        if isinstance(ending, BaseException):
            raise ending
        return ending

    monkeypatch.setattr("kbootstrap.commands.up.up", up)


def test_who_from_where_with_what_and_how_it_ended(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced(monkeypatch, ExitCode.DONE)
    inventory = tmp_path / "a b.yaml"
    inventory.write_text("cluster: {}\n")

    assert main(["up", str(inventory)]) == 0

    (record,) = records(state)
    assert record.pop("at").endswith("Z")
    assert record.pop("seconds") >= 0
    assert record == {
        "user": "alice",
        "host": "ops1",
        "origin": "192.0.2.99",
        "command": "kbootstrap up 'a b.yaml'",
        "version": __version__,
        "inventory": str(inventory),
        "inventory_sha256": hashlib.sha256(b"cluster: {}\n").hexdigest(),
        "cluster": "demo",
        "runs": ["run1"],
        "code": "",
        "exit": 0,
    }


@pytest.mark.parametrize(
    ("ending", "status", "code"),
    [
        (RefusedError(codes.LOCKED, "no"), 7, "KB410"),
        (ZeroDivisionError(), 70, "KB900"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_a_run_that_ends_early_is_recorded_and_its_error_is_in_the_log(
    ending: BaseException,
    status: int,
    code: str,
    state: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replaced(monkeypatch, ending)
    log = tmp_path / "log"

    assert main(["up", "none.yaml", "--log-file", str(log)]) == status

    (record,) = records(state)
    assert (record["exit"], record["code"], record["inventory_sha256"]) == (status, code, "")
    assert log.read_text().splitlines()[-1].endswith(f"event=exit exit={status}")
    assert code in log.read_text()
    assert ("ZeroDivisionError" in log.read_text()) == (code == "KB900")


def test_an_inventory_that_is_refused_is_recorded(state: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("cluster: 5\n")
    assert main(["status", "-i", str(tmp_path / "bad.yaml")]) == 2
    (record,) = records(state)
    assert (record["code"], record["cluster"], record["runs"]) == ("KB100", "", [])


def test_sudo_names_both(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "bob")
    main(["status", "-i", str(tmp_path / "none.yaml")])
    assert records(state)[0]["user"] == "alice (sudo: bob)"


def test_a_dry_run_has_no_journal(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(monkeypatch, ExitCode.DONE)
    assert main(["plan"]) == 0
    assert records(state)[0]["runs"] == []


def test_a_command_that_contacts_no_node_has_no_record(state: Path) -> None:
    assert main(["phases"]) == 0
    assert records(state) == []


def test_a_record_that_cannot_be_written_changes_nothing(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced(monkeypatch, ExitCode.DONE)
    (state / "audit.jsonl").mkdir(parents=True)
    assert main(["plan"]) == 0
    assert "the audit record is not written: is a directory" in capsys.readouterr().out

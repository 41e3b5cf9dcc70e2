"""The command line with files only: flags, exit statuses, and what each command prints."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from kbootstrap import __version__
from kbootstrap.arguments import parser
from kbootstrap.cli import main
from kbootstrap.commands import phases, validate
from kbootstrap.model.example import example
from kbootstrap.model.load import load
from kbootstrap.model.starters import LAYOUTS
from kbootstrap.resources import data_path
from phases import workflows

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.yaml"
    path.write_text((data_path("inventory") / "ha.yaml").read_text())
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text("cluster: {nam: demo}\nkubernetes: {version: v1.34.2}\nnodes: []\n")
    return path


# ---- what it costs to ask

HEAVY = {"cryptography", "fabric", "jinja2", "kubernetes", "paramiko", "pydantic", "rich"}
HEAVY |= {"urllib3", "yaml"}


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        ("--help", set()),
        ("up --help", set()),
        ("version", set()),
        ("phases", {"jinja2", "yaml"}),
        ("validate inventory/single.yaml", {"jinja2", "pydantic", "yaml"}),
    ],
)
def test_commands_load_only_what_they_use(words: str, allowed: set[str]) -> None:
    program = (
        "import sys\nfrom kbootstrap.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"sys.stderr.write(' '.join(set(sys.modules) & {HEAVY!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words.split()],
        capture_output=True,
        text=True,
        check=True,
        cwd=data_path("inventory").parent,
    )
    assert set(done.stderr.split()) <= allowed
    assert done.stdout


# ---- flags


@pytest.mark.parametrize(
    "words",
    [
        "",
        "nonsense",
        "up --nonsense",
        "up --forks 0",
        "up --forks many",
        "join",
        "replace",
        "replace node1 node2",
        "init",
        "init nonsense",
        "up --output xml",
        "completion fish",
    ],
)
def test_wrong_usage_ends_with_2(words: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_help_lists_every_exit_status(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(f"{status} " in said for status in (0, 2, 3, 4, 5, 6, 7, 8, 70, 130))


def test_flags_reach_the_options(tmp_path: Path) -> None:
    words = (
        f"up {tmp_path}/i.yaml --limit cp1 --limit worker --forks 3 --yes -vv --dry-run"
        " --from host --until init --exit-code --accept-new-host-keys"
    )
    said = vars(parser().parse_args(words.split()))
    assert (said["limit"], said["forks"], said["verbose"]) == (["cp1", "worker"], 3, 2)
    assert (said["from_phase"], said["until_phase"]) == ("host", "init")
    assert said["yes"]
    assert said["dry_run"]
    assert said["exit_code"]
    assert said["accept_new"]


# ---- version, completion, schema, phases


def test_version(capsys: Captured) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"kbootstrap {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion(shell: str, capsys: Captured) -> None:
    assert main(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert "kbootstrap" in said
    assert "--dry-run" in said or "dry-run" in said


def test_schema_accepts_the_starters(capsys: Captured) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    for layout in LAYOUTS:
        text = (data_path("inventory") / f"{layout}.yaml").read_text()
        jsonschema.validate(yaml.safe_load(text), schema)


def test_phases_are_listed(capsys: Captured) -> None:
    assert main(["phases"]) == 0
    said = capsys.readouterr().out
    listed = (*workflows.up(example()), *workflows.reset(example()))
    assert all(f"  {phase.id} " in said for phase in listed)
    assert "waits for init (first)" in said


def test_phases_are_drawn(capsys: Captured) -> None:
    assert main(["phases", "--graph"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "graph TD"
    assert "  identity --> fitness" in lines
    assert "  init -. first control plane .-> join-worker" in lines
    assert lines == phases.graph(workflows.up(example()))


# ---- init, validate, render


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_starter_is_written_once_and_is_good(
    layout: str, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "inventory.yaml"

    assert main(["init", layout, "--to", str(path)]) == 0
    assert main(["validate", str(path)]) == 0
    assert f"cluster {layout}, Kubernetes v1.34.2" in capsys.readouterr().out

    path.write_text("mine")
    assert main(["init", layout, "--to", str(path)]) == 2
    assert "error KB193" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_problems_begin_their_lines_with_the_place(bad: Path, capsys: Captured) -> None:
    assert main(["validate", str(bad)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{bad}:1:11: KB103 cluster.nam: ")
    assert lines[1].startswith(f"{bad}:3:8: KB115 nodes: ")
    assert lines[2] == (
        "  next: Correct the lines named above, then run `kbootstrap validate INVENTORY`."
    )
    assert len(lines) == 3


@pytest.mark.parametrize("verb", ["up", "plan", "status", "kubeconfig", "render", "validate"])
def test_every_command_stops_at_a_bad_inventory(verb: str, bad: Path, capsys: Captured) -> None:
    assert main([verb, "-i", str(bad)]) == 2
    assert capsys.readouterr().err.startswith(f"{bad}:1:11: KB103")


def test_a_missing_inventory_says_how_to_get_one(tmp_path: Path, capsys: Captured) -> None:
    assert main(["validate", str(tmp_path / "none.yaml")]) == 2
    said = capsys.readouterr().err
    assert "none.yaml:1:1: KB101 no such file or directory\n  next: Name an existing" in said


def test_the_inventory_is_named_by_flag_variable_or_habit(
    good: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert main(["validate", "-i", str(good)]) == 0
    monkeypatch.setenv("KBOOTSTRAP_INVENTORY", str(good))
    assert main(["validate"]) == 0
    monkeypatch.delenv("KBOOTSTRAP_INVENTORY")
    monkeypatch.chdir(good.parent)
    assert main(["validate"]) == 0
    said = capsys.readouterr().out.splitlines()
    places = [good, good, "inventory.yaml"]
    end = ": cluster ha, Kubernetes v1.34.2, 3 control planes, 3 workers: good"
    assert [line for line in said if line.endswith(": good")] == [f"{p}{end}" for p in places]


def test_warnings_are_reported_and_do_no_harm(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(
        "cluster: {name: demo}\nkubernetes: {version: v1.34.2}\n"
        "nodes: [{name: n1, address: 192.0.2.1, role: both}]\n"
    )
    assert main(["validate", str(path)]) == 0
    assert f"warning: {path}:" in capsys.readouterr().out


def test_errors_can_be_had_as_json(bad: Path, capsys: Captured) -> None:
    assert main(["validate", str(bad), "--output", "json"]) == 2
    said = capsys.readouterr()
    assert said.err == ""
    record = json.loads(said.out)
    assert (record["event"], record["code"]) == ("error", "KB100")
    assert record["message"].startswith(f"{bad}:1:11: KB103")


def test_render_shows_every_file_of_a_node(good: Path, capsys: Captured) -> None:
    assert main(["render", str(good), "w1"]) == 0
    said = capsys.readouterr().out
    for path in ("/etc/containerd/config.toml", "/var/lib/kbootstrap/kubeadm.yaml"):
        assert f"# ---- w1:{path}\n" in said
    assert "token: '@@token@@'" in said
    assert "cp1:" not in said


def test_render_writes_a_directory_for_each_node(
    good: Path, tmp_path: Path, capsys: Captured
) -> None:
    folder = tmp_path / "out"
    assert main(["render", str(good), "--to", str(folder)]) == 0
    assert f"to {folder}" in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {"cp1", "cp2", "cp3", "w1", "w2", "store1"}
    kubelet = folder / "w1/etc/systemd/system/kubelet.service"
    assert "ExecStart=/usr/local/bin/kubelet" in kubelet.read_text()
    assert not (folder / "cp1/run/kbootstrap/join.yaml").exists()
    assert (folder / "cp2/run/kbootstrap/join.yaml").exists()


# ---- what is refused before any host is contacted


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ("up --limit nobody", 2, "KB190"),
        ("join nobody", 2, "KB190"),
        ("render INVENTORY nobody", 2, "KB190"),
        ("up --phase nonsense", 2, "KB191"),
        ("up --from nonsense", 2, "KB191"),
        ("join cp1 cp2 cp3", 2, "KB192"),
        ("reset --unreachable", 2, "KB196"),
        ("reset cp1 cp2 cp3 --unreachable --yes", 2, "KB196"),
        ("validate --log-file /nonexistent/log", 2, "KB195"),
        ("render --to /proc/none", 2, "KB195"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: str, status: int, code: str, good: Path, capsys: Captured
) -> None:
    place = [] if "INVENTORY" in words else ["-i", str(good)]
    assert main([*words.replace("INVENTORY", str(good)).split(), *place]) == status
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error {code}: ")
    assert last.startswith("  next: ")


@pytest.mark.parametrize("words", ["join w1", "replace w1", "etcd snapshot", "unlock", "validate"])
def test_a_command_that_is_not_about_all_nodes_has_no_limit(words: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ends:
        main([*words.split(), "--limit", "w2"])
    assert ends.value.code == 2
    assert "unrecognized arguments: --limit" in capsys.readouterr().err


def test_the_only_control_plane_is_not_replaced(tmp_path: Path, capsys: Captured) -> None:
    inventory = tmp_path / "inventory.yaml"
    assert main(["init", "single", "--to", str(inventory)]) == 0
    name = load(inventory).first.name
    capsys.readouterr()

    assert main(["replace", name, "-i", str(inventory)]) == 2

    said = capsys.readouterr().err
    assert "error KB192: " in said
    assert "next: Join another control plane first" in said


def test_a_bug_shows_where_it_is(
    good: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(validate, "validate", broken)
    assert main(["validate", str(good)]) == 70
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "error KB900: ZeroDivisionError: oops" in said


def test_interrupted_is_130(good: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(validate, "validate", interrupted)
    assert main(["validate", str(good)]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_the_log_file_keeps_errors(bad: Path, tmp_path: Path, capsys: Captured) -> None:
    log = tmp_path / "log"
    assert main(["validate", str(bad), "--log-file", str(log)]) == 2
    assert "event=error code=KB100" in log.read_text()
    assert capsys.readouterr().err

"""Each behaviour of the stand-in names what it was checked against; what it does not know fails."""

import dataclasses
import importlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from tests.standin import behaviours, crictl, kubectl, unknown
from tests.standin.apiserver.api import PATCHERS, QUERY, SUBRESOURCES
from tests.standin.apiserver.special import Special
from tests.standin.common import flags
from tests.standin.common.http import Client
from tests.standin.common.klog import FatalError
from tests.standin.common.tls import client as context
from tests.standin.etcd import service, tools
from tests.standin.kubeadm import (
    cli,
    cmd_certs,
    cmd_config,
    cmd_token,
    cmd_version,
    initdata,
    joindata,
    reset,
    upgrade,
)
from tests.standin_test.conftest import Server

ROOT = Path(__file__).parents[2]
STANDIN = ROOT / "tests" / "standin"
GROUPS: dict[str, Mapping[str, Any]] = {
    "token": cmd_token.COMMANDS,
    "config": cmd_config.COMMANDS,
    "certs": cmd_certs.COMMANDS,
    "upgrade": upgrade.COMMANDS,
}
PHASED = ("init", "join", "reset", "upgrade node")
# Functions that a controller's steps share.
SHARED = {"detached_jws", "template_hash", "tolerates", "fits"}


def of_the_code() -> Iterator[str]:
    """Every behaviour, by its name in the table."""
    for command in cli.COMMANDS:
        yield from (f"kubeadm {command} {sub}" for sub in GROUPS.get(command, ()))
        if command not in GROUPS:
            yield f"kubeadm {command}"
    yield from (f"kubeadm {command} phase" for command in PHASED)
    yield from (f"kubectl {command}" for command in kubectl.COMMANDS)
    yield from (f"crictl {command}" for command in crictl.COMMANDS)
    yield from (" ".join(words) for words in tools.COMMANDS)
    yield from (f"etcd {path}" for path in service.PATHS)
    for method, names in SUBRESOURCES.items():
        yield from (f"api {method} {name}" for name in names if method != "POST")
    yield from ("api POST " + "/".join(at) for at in Special(cast("Any", None)).posts)
    yield from (f"api {kind}" for kind in PATCHERS)
    yield from (f"api ?{name}" for name in QUERY)
    for name in ("cleanup", "nodes", "security", "workloads", "scheduling"):
        module = importlib.import_module(f"tests.standin.controllers.{name}")
        for step, value in vars(module).items():
            own = getattr(value, "__module__", "") == module.__name__
            if own and not step.startswith("_") and step not in SHARED:
                yield f"controller {step}"
    files = {path.stem for path in (STANDIN / "kubelet").glob("*.py")} - {"__init__", "main"}
    yield from (f"kubelet {name}" for name in files)


def test_each_behaviour_names_what_it_was_checked_against() -> None:
    assert sorted(of_the_code()) == sorted(behaviours.CHECKED)


@pytest.mark.parametrize("check", sorted(set(behaviours.CHECKED.values()) - {behaviours.OWN}))
def test_each_check_exists_and_is_one_of_the_real_thing(check: str) -> None:
    if "::" not in check:
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", behaviours.TRANSCRIPTS[check])
        return
    path, _, name = check.partition("::")
    text = (ROOT / path).read_text()
    assert f"\ndef {name}(" in text
    if path.startswith("tests/e2e/"):
        assert 'return "standin"' not in text  # its ``kind`` is also "real"


def test_each_transcript_is_one_that_a_behaviour_names_or_a_message_quotes() -> None:
    assert set(behaviours.TRANSCRIPTS) >= {
        check for check in behaviours.CHECKED.values() if "::" not in check
    } - {behaviours.OWN}


# ``help`` is read before the flags are; ``crictl rmp`` stops what runs, with or without ``force``.
ELSEWHERE = {"help", "force"}
SPECS = {
    "kubectl": (kubectl.SPEC, ["kubectl.py", "kubectl_show.py"]),
    "crictl": (crictl.SPEC, ["crictl.py", "crictl_pods.py"]),
    **{
        f"kubeadm {module.__name__.rpartition('.')[2]}": (module.SPEC, ["kubeadm"])
        for module in (cmd_certs, cmd_config, cmd_token, cmd_version, initdata, joindata, reset)
    },
    "kubeadm upgrade": (upgrade.SPEC, ["kubeadm"]),
}


@pytest.mark.parametrize("name", SPECS)
def test_a_flag_that_is_accepted_is_read(name: str) -> None:
    """One that is accepted and then ignored would make a test green that shows nothing."""
    spec, places = SPECS[name]
    files = [f for place in places for f in (STANDIN / place, *(STANDIN / place).rglob("*.py"))]
    text = "".join(file.read_text() for file in files if file.is_file())
    text = re.sub(r"SPEC = Spec\(.*?\n\)", "", text, flags=re.DOTALL)
    assert {flag for flag in spec.kinds() if f'"{flag}"' not in text} <= ELSEWHERE


@pytest.fixture
def questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where questions without an answer are written."""
    monkeypatch.setattr(unknown, "RECORD", tmp_path / "unknown.jsonl")
    return tmp_path / "unknown.jsonl"


def asked(questions: Path) -> list[str]:
    lines = questions.read_text().splitlines() if questions.exists() else []
    return [json.loads(line)["question"] for line in lines]


def test_unknown_arguments_fail_and_are_written_down(
    questions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["join", "--foo"]) == 1
    assert kubectl.main(["explain", "pods"]) == 1
    assert crictl.main(["stats"]) == 3
    assert tools.run(["etcdctl", "defrag"]) == 1
    with pytest.raises(SystemExit, match="unknown flag: --foo"):
        flags.simple(["--foo=1"], "bar")
    with pytest.raises(FatalError):
        flags.parse(["-z"], flags.Spec("a", "a=a"))

    capsys.readouterr()
    assert asked(questions) == ["--foo", "explain pods", "stats", "defrag", "--foo=1", "-z"]


@pytest.mark.parametrize(
    "path",
    [
        "/openapi/v3",
        "/metrics",
        "/apis/metrics.k8s.io/v1/nodes",
        "/api/v1/nope",
        "/api/v1/nodes?sendInitialEvents=true",
        "/api/v1/namespaces/default/serviceaccounts/default/token",
    ],
)
def test_an_unknown_question_to_the_api_fails_and_is_written_down(
    server: Server, questions: Path, path: str
) -> None:
    tls = context((server.folder / "ca.crt").read_text(), *server.user("a", "system:masters"))
    http = Client(f"https://127.0.0.1:{server.port}", tls)

    status, body = http.request("GET", path)

    assert status == 404
    assert "the stand-in does not know" in json.loads(body)["message"]
    assert len(asked(questions)) == 1
    status, _ = http.request("GET", "/apis/nobody.example/v1/things")
    http.shutdown()
    assert status == 404
    assert len(asked(questions)) == 1  # of a definition that does not exist it is the answer


def test_a_site_reports_what_its_nodes_wrote_down() -> None:
    """Without nodes: only that `Site.unknown` reads the file that the binaries write."""
    from tests.e2e.site import Site  # noqa: PLC0415

    @dataclasses.dataclass
    class Node:
        name: str
        pid: int = 1

        def exec(self, words: list[str], *, check: bool) -> Any:
            assert words == ["cat", "/var/log/standin/unknown.jsonl"]
            assert not check
            return dataclasses.make_dataclass("Done", [("stdout", str)])("{}\n")

    site = Site.__new__(Site)
    site.lab = dataclasses.make_dataclass("Lab", [("nodes", list)])([Node("n1")])

    assert site.unknown() == ["n1: {}"]

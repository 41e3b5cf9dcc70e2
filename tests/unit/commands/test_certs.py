"""``certs``: what is shown, and which exit status says it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from kbootstrap import codes
from kbootstrap.commands import certs as module
from kbootstrap.console.screens import PlainScreen
from kbootstrap.engine.probe import ProbeResult
from kbootstrap.errors import ExitCode, UnreachableError
from kbootstrap.model.cluster import Node
from kbootstrap.options import RunOptions
from kbootstrap.remote.meter import Meter
from kbootstrap.run.report import Report
from phases import certificates
from tests.laws.certificates import encoded
from tests.unit.engine.toys import HA

NOW, DAY = 1_800_000_000, 24 * 3600


class Probed:
    """A run that probes nodes and can do nothing else; each has a certificate of 40 days."""

    def __init__(self, *_: object, **__: object) -> None:
        self.probes: dict[str, ProbeResult] = {}
        self.errors: list[UnreachableError] = []
        self.connections = SimpleNamespace(meter=Meter())
        self.gone = ""

    def probe(self, nodes: tuple[Node, ...]) -> None:
        line = f"/x.crt {encoded(NOW + 40 * DAY)}"
        facts = {certificates.PHASE.id: certificates.Facts(certificate=(line,))}
        for node in nodes:
            if node.name == self.gone:
                self.errors.append(UnreachableError(codes.UNREACHABLE, "no").at(node.name))
            else:
                self.probes[node.name] = ProbeResult(facts=facts, kubeconfig=None, state="", at=NOW)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Probed:
    made = Probed()
    monkeypatch.setattr(module, "load", lambda _: HA)
    monkeypatch.setattr(module, "Run", lambda *_, **__: made)
    return made


def certs(**options: Any) -> ExitCode:
    chosen = RunOptions(inventory=Path("inventory.yaml"), verb="certs", **options)
    return module.certs(chosen, Report(chosen, PlainScreen(0)))


@pytest.mark.parametrize(
    ("within", "status"),
    [(None, ExitCode.DONE), (40 * DAY, ExitCode.DONE), (40 * DAY + 1, ExitCode.EXPIRES)],
)
def test_the_exit_status_says_whether_one_expires(
    run: Probed, within: int | None, status: ExitCode
) -> None:
    del run
    assert certs(within=within) is status


def test_a_node_that_is_not_reached_has_its_own_status(
    run: Probed, capsys: pytest.CaptureFixture[str]
) -> None:
    run.gone = HA.nodes[1].name
    assert certs(within=41 * DAY) is ExitCode.UNREACHABLE
    assert "/x.crt" in capsys.readouterr().out


def test_only_named_nodes_are_probed(run: Probed) -> None:
    certs(nodes=(HA.nodes[1].name,))
    assert list(run.probes) == [HA.nodes[1].name]


def test_scripts_get_one_event_for_each(run: Probed, capsys: pytest.CaptureFixture[str]) -> None:
    del run
    certs(output="json")
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["node"] for event in events] == [node.name for node in HA.nodes]
    assert events[0]["sans"] == ["api.example.test", "10.96.0.1"]

"""``status`` shows what is known, and asks an API that does not answer once."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from kbootstrap import codes
from kbootstrap.commands import status as module
from kbootstrap.console.screens import PlainScreen
from kbootstrap.engine.probe import ProbeResult
from kbootstrap.errors import ExitCode, PhaseError
from kbootstrap.options import RunOptions
from kbootstrap.remote.meter import Meter
from kbootstrap.run.report import Report
from tests.unit.engine.toys import HA


class DeadApi:
    """A session whose nodes answer and whose API server does not."""

    def __init__(self, *_: object, **__: object) -> None:
        known = ProbeResult(facts={}, kubeconfig=None, state="", at=0)
        self.cluster, self.asked = HA, 0
        self.probes = {node.name: known for node in HA.nodes}
        self.errors: list[PhaseError] = []
        self.connections = SimpleNamespace(meter=Meter())
        self.lock = SimpleNamespace(found=lambda **_: [])

    def probe(self, nodes: object) -> None: ...

    def read_inputs(self, kubeconfig: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def has_api(self) -> bool:
        return True

    def observe(self) -> Any:
        self.asked += 1
        raise PhaseError(codes.API_DOWN, "no answer").at("cp1", "connect")

    def plan(self, *_: object) -> Any:
        return self.observe()

    def differences(self, *_: object) -> Any:
        return self.observe()


def test_the_nodes_are_shown_while_the_api_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = DeadApi()
    options = RunOptions(inventory=Path("inventory.yaml"), verb="status")
    monkeypatch.setattr(module, "load", lambda _: HA)
    monkeypatch.setattr(module, "Run", lambda *_, **__: session)
    monkeypatch.setattr(module, "note", lambda *_, **__: None)
    monkeypatch.setattr(module, "ended", lambda _: ())
    report = Report(options, PlainScreen(0))

    status = module.status(options, report)

    shown = capsys.readouterr()
    assert status is ExitCode.FAILED
    assert session.asked == 1
    assert all(node.name in shown.out for node in HA.nodes)
    assert "KB330" in shown.err

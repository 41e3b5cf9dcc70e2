"""External etcd: init meets no other cluster's keys, a reset says what stays in it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kbootstrap import codes
from kbootstrap.cli import main
from kbootstrap.errors import Finding, KbError, PhaseError, RefusedError
from kbootstrap.guards import external_etcd
from kbootstrap.model.cluster import Arg
from kbootstrap.model.etcd import Held, prefix
from kbootstrap.options import RunOptions
from kbootstrap.resources import data_path
from kbootstrap.run.api_connection import ApiConnection
from kbootstrap.run.run import Run
from phases import init, join, reset_etcd, workflows
from tests.laws.clusters import cluster

EXTERNAL = cluster("external-etcd")
NO_INIT = init.Facts()
HELD = Held(keys=298, nodes=("node1", "node2"))


class Etcd:
    """Holds what the test says."""

    def __init__(self, held: Held | KbError) -> None:
        self.answer = held

    def held(self, at: str) -> Held:
        """What it holds below our prefix."""
        assert at == "/registry"
        if isinstance(self.answer, KbError):
            raise self.answer
        return self.answer


class Known(ApiConnection):
    """An access whose external etcd is the test's."""

    def __init__(self, etcd: Etcd | None) -> None:
        self._cluster, self._etcd_there = EXTERNAL, etcd

    def external_etcd(self) -> Any:
        """The test's."""
        return self._etcd_there


def run(
    etcd: Etcd | None, facts: init.Facts = NO_INIT, *, api: bool = False, wipe: bool = False
) -> Run:
    found = SimpleNamespace(facts={init.PHASE.id: facts})
    fake = SimpleNamespace(
        cluster=EXTERNAL,
        api_connection=Known(etcd),
        probes={EXTERNAL.first.name: found},
        has_api=lambda: api,
        options=RunOptions(inventory=Path("x"), wipe_external_etcd=wipe),
    )
    return cast("Run", fake)


def verdict(made: Run, **over: Any) -> list[Finding]:
    fields: Mapping[str, Any] = {"nodes": EXTERNAL.nodes, "phases": workflows.up(EXTERNAL)} | over
    return list(external_etcd.before_init(made, **fields))


def test_init_is_refused_where_a_cluster_is() -> None:
    (error,) = verdict(run(Etcd(HELD)))
    assert error.code is codes.HOLDS_CLUSTER
    assert "https://192.0.2.41:2379 holds 298 keys, Nodes node1, node2" in error.message
    assert (error.where.node, error.where.phase) == ("cp1", "init")


def test_an_etcd_that_cannot_be_asked_is_an_error() -> None:
    (error,) = verdict(run(Etcd(PhaseError(codes.ETCD_DOWN, "no answer"))))
    assert error.code is codes.ETCD_DOWN


def test_what_is_ours_or_empty_is_not_refused() -> None:
    full = Etcd(HELD)
    assert verdict(run(Etcd(Held(keys=0)))) == []
    assert verdict(run(None)) == []
    assert verdict(run(full, api=True)) == []
    assert verdict(run(full, init.Facts(begun=True, run="failed", here=("x",)))) == []
    assert verdict(run(full, init.Facts(run="running"))) == []
    assert verdict(run(full, init.Facts(begun=True))) != []  # its CA was put there before
    assert verdict(run(full), nodes=EXTERNAL.nodes[1:]) == []
    assert verdict(run(full), phases=(join.WORKER,)) == []


def test_a_reset_says_what_stays() -> None:
    made = run(Etcd(HELD))
    held = external_etcd.before_reset(made, EXTERNAL.nodes)
    words = external_etcd.remains(made, held)
    assert "298 keys, Nodes node1, node2, below /registry" in words
    assert "--wipe-external-etcd" in words
    assert external_etcd.before_reset(made, EXTERNAL.nodes[1:]) is None
    assert external_etcd.remains(made, Held(keys=0)) == ""
    unknown = run(None)
    assert "could not be read" in external_etcd.remains(
        unknown, external_etcd.before_reset(unknown, EXTERNAL.nodes)
    )


def test_a_wipe_is_planned_only_when_it_is_asked_for() -> None:
    made = run(Etcd(HELD), wipe=True)
    assert external_etcd.before_reset(made, EXTERNAL.nodes) == HELD
    assert external_etcd.remains(made, HELD) == ""
    with pytest.raises(RefusedError) as caught:
        external_etcd.before_reset(run(None, wipe=True), EXTERNAL.nodes)
    assert caught.value.code is codes.NOT_WIPED
    with pytest.raises(RefusedError, match="a control plane remains"):
        external_etcd.check_wipe(EXTERNAL, whole=False)
    external_etcd.check_wipe(EXTERNAL, whole=True)
    assert reset_etcd.PHASE.on(EXTERNAL, EXTERNAL.first)
    assert not reset_etcd.PHASE.on(EXTERNAL, EXTERNAL.nodes[1])


def test_the_prefix_of_the_inventory_counts() -> None:
    assert prefix(EXTERNAL) == "/registry"
    for said in ("/other", "other", "/other/"):
        kubeadm = replace(EXTERNAL.kubeadm, api_server_args=(Arg("etcd-prefix", said),))
        assert prefix(replace(EXTERNAL, kubeadm=kubeadm)) == "/other"


def test_a_wipe_of_an_etcd_that_is_ours_is_no_thing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inventory.yaml").write_text((data_path("inventory") / "single.yaml").read_text())
    assert main(["reset", "--wipe-external-etcd"]) == 7
    assert "KB438" in capsys.readouterr().err

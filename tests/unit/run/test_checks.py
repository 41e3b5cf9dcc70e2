"""All findings of all nodes and of the cluster are found, also if some nodes were not reached."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kbootstrap import codes
from kbootstrap.engine.events import Bus
from kbootstrap.engine.probe import ProbeResult
from kbootstrap.errors import Finding, UnreachableError
from kbootstrap.options import RunOptions
from kbootstrap.run.checks import check, unreached
from kbootstrap.run.run import Run
from phases import fitness, identity, init
from tests.laws.clusters import FIT_HOST, NOW, cluster
from tests.laws.test_whole_runs import FIT

KNOWN = cluster("ha")
PHASES = (identity.PHASE, fitness.PHASE, init.PHASE)
BARE = identity.Facts(uid=0, lacks=("awk", "mount"))  # no runtime, no disk, no tools


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """cp1, cp2 and w1 were probed; cp2 and w1 are bare clones of cp1, cp3 was not probed."""
    options = RunOptions(verb="up", inventory=tmp_path / "inventory.yaml")
    with Run(options, KNOWN, PHASES, Bus()) as made:
        made.probes.update({name: probed(BARE) for name in ("cp2", "w1")} | {"cp1": probed(FIT)})
        yield made


def probed(facts: identity.Facts) -> ProbeResult:
    fit: dict[str, Any] = {"fitness": fitness.Facts(address=True), "init": init.Facts()}
    found = {"identity": facts, **fit}
    return ProbeResult(facts=found, kubeconfig=None, state="", at=NOW, host=FIT_HOST)


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.where.node, finding.code.id) for finding in findings]


FAULTS = ["KB304", "KB309", "KB303", "KB303"]
OF_NODES = [(name, code) for name in ("cp2", "w1") for code in FAULTS]
OF_CLUSTER = [("cp2", "KB317"), ("w1", "KB317")]


def test_every_finding_of_every_node_and_of_the_cluster(run: Run) -> None:
    nodes = tuple(node for node in KNOWN.nodes if node.name != "cp3")
    assert told(check(run, nodes, PHASES)) == [*OF_NODES, *OF_CLUSTER]
    assert unreached(run, nodes, PHASES) == ()


def test_a_node_that_was_not_reached_hides_no_finding_of_the_others(run: Run) -> None:
    run.errors = [UnreachableError(codes.UNREACHABLE, "no route").at("cp3", "connect")]

    found = unreached(run, KNOWN.nodes, PHASES)

    assert told(found) == [("cp3", "KB201"), *OF_NODES, *OF_CLUSTER]
    assert found[0].error().exit_code == UnreachableError.exit_code
    assert all(finding.fatal and finding.where.phase for finding in found)

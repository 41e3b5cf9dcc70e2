"""Which clock decides whether a certificate is valid."""

from types import SimpleNamespace
from typing import cast

from kbootstrap.engine.probe import ProbeResult
from kbootstrap.guards import certificates as guard
from kbootstrap.model.host_facts import HostFacts
from kbootstrap.run.run import Run
from phases import certificates
from tests.laws.certificates import encoded

NOW = 1_800_000_000
DAY = 24 * 3600


def run(*, ends: int, begins: int, node_clock: int) -> Run:
    """A run whose workstation's clock says NOW."""
    facts = {
        certificates.PHASE.id: certificates.Facts(certificate=(f"/x {encoded(ends, begins)}",)),
    }
    host = HostFacts(clock=node_clock)
    probed = ProbeResult(facts=facts, kubeconfig=None, state="", at=NOW, host=host)
    return cast("Run", SimpleNamespace(probes={"node1": probed}))


def test_a_new_certificate_is_valid_though_the_workstations_clock_is_behind() -> None:
    made = NOW + 500
    assert not list(guard.ended(run(ends=NOW + DAY, begins=made, node_clock=made + 60)))


def test_one_that_expired_by_the_workstations_clock_is_named() -> None:
    (error,) = guard.ended(run(ends=NOW - 1, begins=0, node_clock=NOW - DAY))
    assert error.code.id == "KB352"


def test_without_the_nodes_clock_the_workstations_counts() -> None:
    (error,) = guard.ended(run(ends=NOW + DAY, begins=NOW + 1, node_clock=0))
    assert "not valid before" in error.message


def test_certificates_are_not_made_by_a_wrong_clock() -> None:
    """Neither renewed nor, with the CAs, replaced."""
    (error,) = guard.skewed(run(ends=NOW + DAY, begins=0, node_clock=NOW + 600))
    assert (error.code.id, error.where.node, error.where.phase) == ("KB307", "node1", "identity")
    assert not list(guard.skewed(run(ends=NOW + DAY, begins=0, node_clock=NOW - 50)))

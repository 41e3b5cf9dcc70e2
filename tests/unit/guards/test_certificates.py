"""Which clock tells whether a certificate is valid."""

from types import SimpleNamespace
from typing import cast

from kbootstrap.guards import certificates as guard
from kbootstrap.run.run import Run
from phases import certificates, identity
from tests.laws.certificates import encoded

NOW = 1_800_000_000
DAY = 24 * 3600


def run(*, ends: int, begins: int, node_clock: int) -> Run:
    """A run whose workstation's clock says NOW."""
    facts = {
        certificates.PHASE.id: certificates.Facts(certificate=(f"/x {encoded(ends, begins)}",)),
        identity.PHASE.id: identity.Facts(clock=node_clock),
    }
    return cast("Run", SimpleNamespace(probes={"node1": SimpleNamespace(facts=facts, at=NOW)}))


def test_a_new_certificate_is_valid_though_the_workstations_clock_is_behind() -> None:
    made = NOW + 500
    assert not list(guard.ended(run(ends=NOW + DAY, begins=made, node_clock=made + 60)))


def test_one_that_expired_by_the_workstations_clock_is_named() -> None:
    (error,) = guard.ended(run(ends=NOW - 1, begins=0, node_clock=NOW - DAY))
    assert error.code.id == "KB352"


def test_without_the_nodes_clock_the_workstations_counts() -> None:
    (error,) = guard.ended(run(ends=NOW + DAY, begins=NOW + 1, node_clock=0))
    assert "not valid before" in error.message

"""A phase that does not use the API is planned although no login to the API is valid."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.engine.events import Bus
from kbootstrap.engine.phase import AnyPhase
from kbootstrap.engine.probe import ProbeResult
from kbootstrap.errors import PhaseError
from kbootstrap.options import RunOptions
from kbootstrap.run.api_connection import ApiConnection
from kbootstrap.run.run import Run
from kbootstrap.secret import Secret
from phases import certificates, control_plane_repair, identity, ready, upgrade_repair, workflows
from tests.laws.certificates import encoded
from tests.laws.clusters import CA, FIT_HOST, NOW, cluster

KNOWN = cluster("ha")
FIRST = KNOWN.first
REPAIRS = (upgrade_repair.PHASE, control_plane_repair.PHASE)
ALONE: tuple[AnyPhase, ...] = (
    *(p for p in workflows.renew_certs(KNOWN) if p.on(KNOWN, FIRST)),
    *workflows.etcd_restore(KNOWN),
    *REPAIRS,
    identity.PHASE,
)


@pytest.fixture
def run() -> Iterator[Run]:
    """The first control plane was probed; its admin.conf has expired."""
    phases = (identity.PHASE, certificates.PHASE)
    facts = {
        identity.PHASE.id: identity.Facts(
            marker=KNOWN.name, control_plane=True, ca=tuple(CA.splitlines())
        ),
        certificates.PHASE.id: certificates.Facts(
            certificate=(f"{certificates.ADMIN} {encoded(NOW - 1)}",)
        ),
    }
    found = ProbeResult(facts=facts, kubeconfig=Secret("{}"), state="", at=NOW, host=FIT_HOST)
    with Run(RunOptions(inventory=Path("inventory.yaml")), KNOWN, phases, Bus()) as made:
        made.probes.update({FIRST.name: found})
        yield made


@pytest.mark.parametrize("phase", ALONE, ids=lambda phase: phase.id)
def test_it_is_planned(run: Run, phase: AnyPhase) -> None:
    assert not phase.api
    view = run.view(phase, FIRST)
    assert (view.control_plane, view.ca, view.api.reachable) == ("", "", False)


def test_a_phase_that_uses_the_api_is_refused(run: Run) -> None:
    with pytest.raises(PhaseError) as caught:
        run.view(ready.PHASE, FIRST)
    assert caught.value.code.id == "KB352"


def test_what_the_run_has_found_is_seen_by_every_phase(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CA of the control plane in use is a proof of where a node belongs (phases.ownership)."""
    monkeypatch.setattr(ApiConnection, "through", FIRST.name)
    monkeypatch.setattr(ApiConnection, "ca_pem", CA)
    view = run.view(identity.PHASE, FIRST)
    assert (view.control_plane, view.ca) == (FIRST.name, CA)

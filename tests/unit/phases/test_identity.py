"""Which control planes are asked about a cluster, and when none is made."""

from dataclasses import replace

import pytest

from kbootstrap import codes
from kbootstrap.engine.phase import View
from phases import identity
from phases.ownership import ca_hash, carries_record
from tests.laws.clusters import CA, OTHER_CA, cluster, workstation

KNOWN = cluster("ha")
OURS, THEIRS = ca_hash(CA), ca_hash(OTHER_CA)  # other ones in each test process
LINES = tuple(CA.splitlines())
DAMAGED = ("-----BEGIN CERTIFICATE-----", "AAAA", "-----END CERTIFICATE-----")


@pytest.mark.parametrize(
    ("facts", "wanted", "asked"),
    [
        (identity.Facts(ca=LINES), "", False),
        (identity.Facts(marker="other", ca=LINES), "", False),
        (identity.Facts(marker="demo", ca=LINES), "", True),
        (identity.Facts(marker="demo", marker_ca=OURS, ca=LINES), "", True),
        (identity.Facts(marker="demo", marker_ca=THEIRS, ca=LINES), "", False),
        (identity.Facts(marker="demo", ca=LINES), OURS, True),
        (identity.Facts(marker="demo", marker_ca=OURS, ca=LINES), THEIRS, False),
        (identity.Facts(marker="demo", marker_ca=OURS, ca=DAMAGED), OURS, True),
    ],
    ids=("no record", "other name", "name", "both", "other CA", "hash", "other hash", "damaged"),
)
def test_a_control_plane_is_asked_only_if_it_has_the_record(
    facts: identity.Facts, wanted: str, *, asked: bool
) -> None:
    """One whose CA file is damaged is still asked: the damage is reported by its own error."""
    assert carries_record(replace(KNOWN, ca_hash=wanted), facts) is asked


def refusals(node: str, ca: tuple[str, ...] = (), control_plane: str = "") -> list[str]:
    known = replace(KNOWN, ca_hash=OURS)
    view = View(
        cluster=known,
        node=known.node(node),
        facts=identity.Facts(ca=ca),
        control_plane=control_plane,
        **workstation(known),
    )
    return [error.message for error in identity.check(view) if error.code is codes.DAMAGED]


def test_no_cluster_is_made_where_the_inventory_names_one() -> None:
    (message,) = refusals("cp1")
    assert OURS in message
    assert refusals("cp1", ca=LINES) == []  # placed there for kubeadm to use
    assert refusals("cp1", control_plane="cp2") == []
    assert refusals("w1") == []

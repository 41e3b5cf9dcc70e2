"""While a run may continue, every run that wants to begin meets a record of it that counts."""

from itertools import chain, combinations

import pytest

from kbootstrap.lock.places import Lease
from kbootstrap.lock.run_lock import exclusive

PLANES = ("cp1", "cp2", "cp3")
LEASE = Lease.name


def parts(names: tuple[str, ...]) -> list[frozenset[str]]:
    """Every subset."""
    sizes = range(len(names) + 1)
    return [frozenset(c) for c in chain.from_iterable(combinations(names, n) for n in sizes)]


@pytest.mark.parametrize("taken", parts(PLANES))
def test_with_an_api_every_other_run_meets_a_record_that_counts(taken: frozenset[str]) -> None:
    """It goes through one control plane or more, and takes their records and the Lease."""
    for fresh in parts((*taken, LEASE)):
        if exclusive(fresh, taken | {LEASE}, PLANES):
            for through in parts(PLANES)[1:]:
                assert fresh & (through | {LEASE})
            # The API may be down for all runs; then the records alone have to do.
            assert LEASE in fresh or all(fresh & through for through in parts(PLANES)[1:])


@pytest.mark.parametrize("taken", [one for one in parts(PLANES) if "cp1" in one])
def test_before_there_is_an_api_every_other_run_goes_through_the_first(
    taken: frozenset[str],
) -> None:
    for fresh in parts(tuple(taken)):
        assert exclusive(fresh, taken, PLANES) == ("cp1" in fresh)


def test_a_control_plane_that_is_down_stops_no_run_that_reaches_the_api() -> None:
    taken = frozenset({*PLANES, LEASE})
    assert exclusive(frozenset({LEASE}), taken, PLANES)
    assert exclusive(frozenset({"cp2", "cp3", LEASE}), taken, PLANES)


def test_an_api_that_is_down_stops_no_run_that_reaches_all_control_planes() -> None:
    assert exclusive(frozenset(PLANES), frozenset({*PLANES, LEASE}), PLANES)
    assert not exclusive(frozenset({"cp1", "cp2"}), frozenset({*PLANES, LEASE}), PLANES)


def test_a_join_through_one_control_plane_needs_the_lease() -> None:
    taken = frozenset({"cp2", LEASE})
    assert not exclusive(frozenset({"cp2"}), taken, PLANES)
    assert exclusive(frozenset({LEASE}), taken, PLANES)


def test_a_run_that_holds_no_record_needs_none() -> None:
    assert exclusive(frozenset(), frozenset(), PLANES)
    assert exclusive(frozenset({"cp2"}), frozenset({"cp2"}), PLANES)
    assert not exclusive(frozenset(), frozenset({"cp2"}), PLANES)

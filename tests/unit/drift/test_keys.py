"""The table of what a changed key does is complete, and says what `up` really does."""

import pytest

from kbootstrap.drift.keys import MEANINGS, ROWS, Kind, Row, row_of
from tests.e2e.test_every_key import CHANGES, FIXED, OURS, SILENT, Change
from tests.inventory_keys import keys

KEYS = list(keys())
SECTIONS = {key[:at] for key in KEYS for at, char in enumerate(key) if char == "."}


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_a_row(key: str) -> None:
    assert row_of(key) is not None, f"kbootstrap/drift/keys.py says nothing of {key}"


def test_a_key_that_does_not_exist_has_no_row() -> None:
    assert row_of("api.nothing") is None
    assert row_of("") is None


def test_a_row_names_keys_that_exist_each_once() -> None:
    named = [key for row in ROWS for key in row.keys]

    assert [key for key in named if key not in {*KEYS, *SECTIONS}] == []
    assert len(set(named)) == len(named)


def test_a_row_of_a_section_stands_for_a_key_in_it() -> None:
    used = [row_of(key) for key in KEYS]

    assert [row.keys for row in ROWS if row not in used] == []


def test_settings_of_nodes_have_one_row_in_all_layers() -> None:
    for layer in ("defaults", "groups"):
        assert row_of(f"{layer}.ssh.jump.host") == row_of("nodes.ssh.jump.host")
        assert row_of(f"{layer}.labels") == row_of("nodes.labels")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.keys[0])
def test_a_row_says_where_the_live_value_is_and_what_a_change_disturbs(row: Row) -> None:
    applied = row.kind in {Kind.LIVE, Kind.ROLLING, Kind.NODE_BY_NODE}

    assert (row.truth != "-") is (row.kind is not Kind.WORKSTATION)
    assert (row.disturbs != "-") is applied
    assert row.how != "-" or not applied
    assert row.kind in MEANINGS


def test_a_key_that_no_cluster_holds_is_not_tried_on_one() -> None:
    layers = ("defaults.", "groups.")
    ours = [key for key in KEYS if key.startswith(OURS) and not key.startswith(layers)]

    assert {row.kind for key in ours if (row := row_of(key))} == {Kind.WORKSTATION}


@pytest.mark.parametrize("key", sorted(CHANGES))
def test_the_kind_is_what_up_does(key: str) -> None:
    """tests/e2e/test_every_key.py sees the cluster do it."""
    change = CHANGES[key]
    row = row_of(change.key) if change.key in KEYS else row_of(key)

    assert row is not None
    assert row.kind in _possible(change)


def _possible(change: Change) -> set[Kind]:
    if change.code == FIXED:
        return {Kind.FIXED}
    if change.code == SILENT:
        return {Kind.ROLLING}
    if change.code:
        return {Kind.FIXED, Kind.WORKSTATION}
    if change.seen is not None:
        return {Kind.LIVE, Kind.ROLLING, Kind.NODE_BY_NODE}
    return {Kind.REPORTED}

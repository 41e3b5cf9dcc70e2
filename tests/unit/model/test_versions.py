"""The order of releases is that of semver.org, item 11: a pre-release comes before its release."""

import itertools

import pytest

from kbootstrap.model import skew
from kbootstrap.model.versions import Version

IN_ORDER = [
    "v1.34.9",
    "v1.35.0-alpha",
    "v1.35.0-alpha.1",
    "v1.35.0-alpha.beta",
    "v1.35.0-beta.2",
    "v1.35.0-beta.11",
    "v1.35.0-rc.0",
    "v1.35.0-rc.1",
    "v1.35.0",
    "v1.35.1-rc.0",
    "v1.35.1",
]


@pytest.mark.parametrize(("less", "more"), list(itertools.combinations(IN_ORDER, 2)))
def test_releases_are_ordered(less: str, more: str) -> None:
    one, other = Version.parse(less), Version.parse(more)
    assert one < other
    assert one <= other
    assert other > one
    assert not other <= one


def test_the_newest_of_a_minor_is_the_release_and_not_its_candidate() -> None:
    candidate, release = Version.parse("v1.35.0-rc.0"), Version.parse("v1.35.0")
    assert skew.newest([release, candidate]) == {35: release}


def test_a_candidate_can_be_upgraded_to_its_release_and_not_back() -> None:
    candidate, release = Version.parse("v1.35.0-rc.0"), Version.parse("v1.35.0")
    assert not list(skew.faults(skew.Versions({"cp": candidate}, {"cp": candidate}), release))
    assert list(skew.faults(skew.Versions({"cp": release}, {"cp": release}), candidate))

"""Every dependency has two bounds, and the lock files hold what pyproject.toml asks for."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME: list[str] = PROJECT["project"]["dependencies"]
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]
BUILD: list[str] = PROJECT["build-system"]["requires"]
LOCKED = {"runtime": RUNTIME, "dev": [*RUNTIME, *BUILD, *GROUPS["dev"]], "docs": GROUPS["docs"]}
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+?)(?: ; .*)? \\$")


def pins(lock: str) -> dict[str, set[str]]:
    """Name -> its versions; a package can have one per range of Python versions."""
    found: dict[str, set[str]] = {}
    for line in lock.splitlines():
        if pin := PIN.match(line):
            found.setdefault(pin["name"], set()).add(pin["version"])
    return found


@pytest.mark.parametrize(
    "text", [text for texts in (RUNTIME, BUILD, *GROUPS.values()) for text in texts]
)
def test_every_dependency_has_a_lower_and_an_upper_bound(text: str) -> None:
    assert sorted(s.operator for s in Requirement(text).specifier) == ["<", ">="]


@pytest.mark.parametrize("name", LOCKED)
def test_a_lock_file_has_every_dependency_within_its_bounds(name: str) -> None:
    found = pins((ROOT / f".ci/{name}.lock").read_text())

    for requirement in map(Requirement, LOCKED[name]):
        versions = found.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement} is not locked: run .ci/lock"
        assert all(map(requirement.specifier.contains, versions)), f"{requirement}: run .ci/lock"


@pytest.mark.parametrize("name", LOCKED)
def test_a_lock_file_has_hashes_and_names_no_index_and_no_path(name: str) -> None:
    lock = (ROOT / f".ci/{name}.lock").read_text()
    lines = [line for line in lock.splitlines() if not line.lstrip().startswith("#")]

    assert all(PIN.match(line) or line.startswith("    --hash=sha256:") for line in lines)
    for line, following in pairwise(lines):
        assert not (PIN.match(line) and PIN.match(following)), f"{line} has no hash"

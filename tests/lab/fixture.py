"""Pytest fixtures for tests against real nodes; a conftest takes them in as a plugin.

`pytest_plugins = ["tests.lab.fixture"]`, and mark such tests with `pytest.mark.lab`.
KBOOTSTRAP_LAB_KEEP=1 leaves the labs up for a look; the next run replaces them.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Protocol, TypeVar

import pytest

from tests.lab.cheap import CheapHosts
from tests.lab.lab import Lab

NO_ROOT = "needs root: the lab makes containers, network namespaces and mounts"
AnySite = TypeVar("AnySite", Lab, CheapHosts)
_skipped: list[str] = []


class LabFactory(Protocol):
    """`lab_factory(3)` gives a Lab which is up, and which goes down after the test."""

    def __call__(self, nodes: int = ..., *, disks: Mapping[str, str] | None = ...) -> Lab: ...


class CheapFactory(Protocol):
    """`cheap_factory(100)` gives CheapHosts which are up."""

    def __call__(self, count: int = ...) -> CheapHosts: ...


@pytest.fixture
def lab_factory(request: pytest.FixtureRequest) -> Iterator[LabFactory]:
    """Labs for one test."""
    yield from _labs(request, "t")


@pytest.fixture(scope="module")
def module_lab_factory(request: pytest.FixtureRequest) -> Iterator[LabFactory]:
    """Labs which the tests of a module share."""
    yield from _labs(request, "m")


@pytest.fixture
def cheap_factory(request: pytest.FixtureRequest) -> Iterator[CheapFactory]:
    """Cheap hosts for one test."""
    _need_root(request)
    with ExitStack() as stack:

        def make(count: int = 10) -> CheapHosts:
            return _up(stack, CheapHosts(_name("c"), count))

        yield make


def _labs(request: pytest.FixtureRequest, kind: str) -> Iterator[LabFactory]:
    _need_root(request)
    with ExitStack() as stack:
        made: list[Lab] = []

        def make(nodes: int = 3, *, disks: Mapping[str, str] | None = None) -> Lab:
            made.append(Lab(_name(f"{kind}{len(made)}"), nodes, disks=disks))
            return _up(stack, made[-1])

        yield make


def _up(stack: ExitStack, site: AnySite) -> AnySite:
    site.up()
    if not os.environ.get("KBOOTSTRAP_LAB_KEEP"):
        stack.callback(site.down)
    return site


def _name(kind: str) -> str:
    """The same in every run, so that a run cleans up what a killed one left."""
    return kind + os.environ.get("PYTEST_XDIST_WORKER", "")


def _need_root(request: pytest.FixtureRequest) -> None:
    if os.geteuid() != 0:
        _skipped.append(request.node.nodeid)
        pytest.skip(NO_ROOT)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it out loud: a run without the lab shows little."""
    if _skipped:
        terminalreporter.section("REAL NODES WERE NOT TESTED", red=True, bold=True)
        terminalreporter.line(f"{len(_skipped)} lab tests skipped: {NO_ROOT}", red=True)

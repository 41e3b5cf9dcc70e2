"""Which binaries the end-to-end scenarios run with, and the sites they run on.

Always the stand-in; the real binaries too when their directory is there, unless
KBOOTSTRAP_E2E=standin. The test log says which, in each test's name and in the header.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.site import VERSION, Site, need_binaries, real_programs
from tests.lab import Lab
from tests.standin.build import build

KINDS = ["standin", *(["real"] if real_programs() else [])]


def pytest_report_header() -> str:
    """Say plainly what runs."""
    real = real_programs()
    words = f"stand-in and REAL programs of {real}" if real else "the STAND-IN only"
    return f"end-to-end scenarios run with {words}"


@pytest.fixture(scope="session")
def as_root() -> None:
    """Lab nodes need root; without it these tests are skipped, loudly."""
    if os.geteuid() != 0:
        pytest.skip("NOT RUN: the lab's systemd nodes need root")


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    """``standin`` or ``real``."""
    return str(request.param)


@pytest.fixture(scope="module")
def make_site(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Make a site with fresh nodes; taken down with the module."""
    with site_maker(kind, tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="session")
def pair(as_root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One control plane and one worker of the stand-in, up; each test leaves them as they were.

    The files that share it run in one process or in several; each process has one.
    """
    del as_root
    with site_maker("standin", tmp_path_factory) as make:
        name = "pair" + os.environ.get("PYTEST_XDIST_WORKER", "")
        site = make(name, 2, extra={"addons": {"dns": True}})
        site.ok("up")
        yield site


@contextmanager
def site_maker(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Site]]:
    """A function that makes sites, which go down at the end."""
    sites: list[Site] = []
    with ExitStack() as labs:

        def make(name: str, nodes: int, **fields: Any) -> Site:
            options = {key: fields.pop(key, None) for key in ("disks", "recipes")}
            lab = Lab(name, nodes, **options)
            labs.callback(lab.down)
            lab.up()
            lab.registry.start()
            site = new_site(lab, kind, tmp_path_factory.mktemp(name), **fields)
            site.write_inventory()
            sites.append(site)
            return site

        yield make
        asked = [line for site in sites for line in site.unknown()]
    assert asked == []
    assert [wrong for site in sites for wrong in site.wrong_effects()] == []


def new_site(lab: Lab, kind: str, folder: Path, **fields: Any) -> Site:
    """The site of a lab that is up, with the binaries of its kind."""
    version = fields.pop("version", VERSION)
    if kind == "real":
        found = real_programs(version)
        assert found is not None
        need_binaries(found)
        programs = found
        repository = lab.registry.push_kubernetes(found, version)
    else:
        programs = folder / "programs"
        build(version, programs)
        repository = lab.registry.push_standin(version)
    return Site(
        lab=lab,
        kind=kind,
        folder=folder,
        programs=programs,
        repository=repository,
        version=version,
        **fields,
    )

"""The attackers, as fixtures; README.md shows how to add an attack."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import release_site as site
from tests.attacks import rogue_node as node
from tests.attacks.release_site import ReleaseSite
from tests.attacks.rogue_node import RogueNode
from tests.attacks.rogue_registry import RogueRegistry, registry


@pytest.fixture
def release_site(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ReleaseSite]:
    """A release site whose CA the workstation trusts, and whose answers may be anything."""
    with site.running(tmp_path_factory.mktemp("site")) as made:
        monkeypatch.setenv("SSL_CERT_FILE", str(made.ca))
        yield made


@pytest.fixture
def rogue_registry(release_site: ReleaseSite, tmp_path: Path) -> RogueRegistry:
    """A registry on such a site, and a node that pulls from it."""
    return registry(release_site, tmp_path / "node")


@pytest.fixture
def rogue_node(tmp_path: Path) -> Iterator[RogueNode]:
    """A node that answers whatever the test says, and an inventory of it."""
    with node.running(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where downloads are unpacked."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kbootstrap"

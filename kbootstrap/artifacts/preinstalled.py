"""`programs.source: preinstalled`: an image or the administrator put the binaries on the nodes."""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from kbootstrap.artifacts.artifact import Artifact
from kbootstrap.artifacts.binaries import Binaries
from kbootstrap.model.versions import Version
from kbootstrap.render import render


class Preinstalled(Binaries):
    """Binaries that are on the nodes already; kbootstrap only compares their version."""

    places: ClassVar[bool] = False
    may_bring_unit: ClassVar[bool] = True  # of the distribution's package

    def resolve(self, architecture: str) -> Iterator[Artifact]:
        del architecture
        return iter(())

    def urls(self, architecture: str) -> Iterator[str]:
        del architecture
        return iter(())

    def releases(self, minors: Iterable[int]) -> Mapping[int, Version]:
        del minors
        return {}

    def probe(self) -> str:
        return render("programs/versions.sh.j2")

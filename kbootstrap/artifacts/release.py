"""`programs.source: release`: the nodes download from the Kubernetes release site or a mirror.

The layout is the one of https://dl.k8s.io/release: VERSION/bin/linux/ARCH/NAME with NAME.sha256
beside it, and stable-MINOR.txt.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from kbootstrap.artifacts import downloads, trust
from kbootstrap.artifacts.artifact import Artifact
from kbootstrap.artifacts.binaries import Binaries
from kbootstrap.artifacts.local_files import archived, cni_plugins
from kbootstrap.components import BINARIES
from kbootstrap.errors import PhaseError
from kbootstrap.model.placeholders import filled
from kbootstrap.model.skew import newest, read
from kbootstrap.model.versions import Version


class Release(Binaries):
    """Binaries of a release site; the workstation sends crictl and the CNI plugins."""

    download_tools: ClassVar[tuple[str, ...]] = ("curl", "wget")

    def resolve(self, architecture: str) -> Iterator[Artifact]:
        version, url = str(self.cluster.version), self.cluster.programs.crictl_url
        for name in BINARIES:
            address = self._address(name, architecture)
            yield Artifact(
                name=name,
                version=version,
                architecture=architecture,
                url=address,
                sha256=trust.expected(self.cluster, address),
            )
        if url:
            found = archived(url, self.cluster, architecture)
            yield from (binary for binary in found if binary.name == "crictl")
        yield from cni_plugins(self.cluster, architecture)

    def urls(self, architecture: str) -> Iterator[str]:
        programs = self.cluster.programs
        yield from (self._address(name, architecture) for name in BINARIES)
        if programs.crictl_url:
            yield filled(programs.crictl_url, architecture, self.cluster.version)
        yield from super().urls(architecture)

    def releases(self, minors: Iterable[int]) -> Mapping[int, Version]:
        found = (read(self._stable(minor)) for minor in minors)
        return newest(version for version in found if version is not None)

    @property
    def _base(self) -> str:
        return self.cluster.programs.base_url.rstrip("/")

    def _address(self, name: str, architecture: str) -> str:
        return f"{self._base}/{self.cluster.version}/bin/linux/{architecture}/{name}"

    def _stable(self, minor: int) -> str:
        try:
            text = downloads.read(f"{self._base}/stable-1.{minor}.txt", downloads.TEXT_BYTES)
        except PhaseError:
            return ""
        return text.decode(errors="replace").strip()

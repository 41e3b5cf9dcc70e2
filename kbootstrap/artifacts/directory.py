"""`programs.source: folder`: the workstation sends the binaries of one of its directories."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kbootstrap import codes
from kbootstrap.artifacts import elf
from kbootstrap.artifacts.artifact import Artifact
from kbootstrap.artifacts.binaries import Binaries
from kbootstrap.artifacts.local_files import binary, cni_plugins
from kbootstrap.components import BINARIES
from kbootstrap.errors import PhaseError
from kbootstrap.model.placeholders import VERSION
from kbootstrap.model.skew import newest, read
from kbootstrap.model.versions import Version


class Directory(Binaries):
    """Binaries of a directory, as NAME or ARCH/NAME."""

    def resolve(self, architecture: str) -> Iterator[Artifact]:
        for name in (*BINARIES, "crictl"):
            path = self._find(name, architecture)
            version = str(self.cluster.version) if name in BINARIES else ""
            _check_release(path, version)
            yield binary(path, architecture, version=version)
        yield from cni_plugins(self.cluster, architecture)

    def releases(self, minors: Iterable[int]) -> Mapping[int, Version]:
        if VERSION not in self._pattern:
            return {}
        wanted = frozenset(minors)
        pattern = re.compile(re.escape(self._pattern).replace(re.escape(VERSION), "(v[0-9][^/]*)"))
        paths = Path("/").glob(self._pattern[1:].replace(VERSION, "v*"))
        found = (read(match[1]) for path in paths if (match := pattern.fullmatch(str(path))))
        return newest(version for version in found if version and version.minor in wanted)

    @property
    def path(self) -> Path:
        """The directory of the cluster's release."""
        return Path(self._pattern.replace(VERSION, str(self.cluster.version)))

    @property
    def _pattern(self) -> str:
        return self.cluster.programs.folder or "."

    def _find(self, name: str, architecture: str) -> Path:
        """The file of a binary.

        Raises:
            PhaseError: KB311, it is missing or was built for another architecture.

        """
        candidates = (self.path / architecture / name, self.path / name)
        found = next((path for path in candidates if path.is_file()), None)
        if found is None:
            raise PhaseError(codes.PROGRAM_MISSING, f"{self.path} has no {name} for {architecture}")
        built_for = elf.architecture(found)
        if built_for not in {None, architecture}:
            message = f"{found} is for {built_for}, not {architecture}"
            raise PhaseError(codes.PROGRAM_MISSING, message)
        return found


def _check_release(path: Path, version: str) -> None:
    """Refuse a binary of another release before a node gets it.

    Raises:
        PhaseError: KB311, the release is not in the file.

    """
    if elf.architecture(path) is not None and not elf.contains(path, version):
        raise PhaseError(codes.PROGRAM_MISSING, f"{path} is not of {version}")

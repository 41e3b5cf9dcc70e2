"""The cache of unpacked archives: ``archives/SHA256`` with the binaries and the sums of them.

A directory is used only while it holds exactly these files; else it is removed and made again.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kbootstrap import codes
from kbootstrap.artifacts import archive, downloads
from kbootstrap.artifacts.checksums import cache_directory, sha256_of
from kbootstrap.atomic_file import create, private_directory, write_private
from kbootstrap.errors import PhaseError

_SUMS, _FILES = "sums.json", "files"


def unpacked(url: str, sha256: str) -> Path:
    """The directory with the binaries of the ``.tar.gz`` that has this checksum; downloaded once.

    Raises:
        PhaseError: KB311, the archive cannot be read, or is too large.
        TrustError: KB502, it has another checksum.

    """
    directory = cache_directory() / "archives" / sha256
    if not _is_whole(directory):
        shutil.rmtree(directory, ignore_errors=True)
        _unpack(url, downloads.whole(url, sha256), directory)
    return directory / _FILES


def _is_whole(directory: Path) -> bool:
    """Whether each file is what was unpacked, and there is no other."""
    try:
        sums = json.loads((directory / _SUMS).read_text())
        found = {path.name: sha256_of(path) for path in (directory / _FILES).iterdir()}
    except (OSError, ValueError, RecursionError):
        return False
    return bool(sums == found)


def _unpack(url: str, data: bytes, directory: Path) -> None:
    """Unpack beside the directory, then rename; another run may be faster."""
    with tempfile.TemporaryDirectory(dir=private_directory(directory.parent)) as beside:
        new = Path(beside, "new")
        (new / _FILES).mkdir(parents=True)
        write_private(new / _SUMS, json.dumps(_write(url, data, new / _FILES)))
        try:
            new.rename(directory)
        except OSError:
            if not _is_whole(directory):
                raise


def _write(url: str, data: bytes, directory: Path) -> Mapping[str, str]:
    """Write the binaries; returns the checksum of each."""
    sums = {}
    try:
        for member in archive.members(data):
            with create(directory / member.name, 0o700 if member.executable else 0o600) as file:
                file.write(member.data)
            sums[member.name] = member.sha256
    except archive.BadArchiveError as error:
        message = f"{url} is not a readable .tar.gz: {error}"
        raise PhaseError(codes.PROGRAM_MISSING, message) from error
    return sums

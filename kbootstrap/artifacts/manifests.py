"""Reads the objects of Kubernetes manifests, from files and URLs."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from kbootstrap import codes
from kbootstrap.artifacts import downloads
from kbootstrap.errors import InventoryError
from kbootstrap.model.document import Document


def objects(locations: Iterable[str]) -> Iterator[tuple[str, Document]]:
    """Each object with the file or URL that contains it.

    Raises:
        PhaseError: KB311, a URL cannot be read.
        InventoryError: KB194, a manifest is not YAML or holds something else than API objects.

    """
    for location in locations:
        for data in _documents(location):
            if not data:
                continue
            if not isinstance(data, dict) or not {"kind", "apiVersion", "metadata"} <= data.keys():
                raise InventoryError(
                    codes.BAD_MANIFEST, f"{location} has a document that is not a Kubernetes object"
                )
            yield location, Document.of(data)


def _documents(location: str) -> list[Any]:
    url = location.startswith(("http://", "https://"))
    most = downloads.MANIFEST_BYTES
    content = downloads.read(location, most) if url else Path(location).read_bytes()
    try:
        return list(yaml.safe_load_all(content))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = f"{location} is not YAML: {' '.join(str(error).split())}"
        raise InventoryError(codes.BAD_MANIFEST, message) from error

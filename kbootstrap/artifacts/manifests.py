"""Reads the objects of Kubernetes manifests, from files and URLs."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kbootstrap import bounded_file, codes
from kbootstrap.artifacts import downloads, manifest_yaml
from kbootstrap.errors import InventoryError
from kbootstrap.model.document import Document
from kbootstrap.model.local_paths import is_url

_LIST = "List"


def objects(
    locations: Iterable[str], download: Callable[[str], bytes]
) -> Iterator[tuple[str, Document]]:
    """Each object with the file or URL that contains it; a List is replaced by its items.

    Raises:
        PhaseError: KB311, a URL cannot be read.
        InventoryError: KB194, a manifest is not YAML or holds something else than API objects.

    """
    for location in locations:
        for document in _documents(location, download):
            if not document:
                continue
            for data in _items(document):
                if not _is_object(data):
                    raise _bad(location, "a document is not a Kubernetes object with a name")
                yield location, Document.of(data)


def _items(data: Any) -> Iterator[Any]:
    """The items of a List, and those of a list of one kind, such as RoleBindingList."""
    if not _is_list(data):
        yield data
        return
    kind = data["kind"].removesuffix(_LIST)
    common = {"apiVersion": data.get("apiVersion"), "kind": kind} if kind else {}
    for item in data["items"]:
        yield from _items({**common, **item} if isinstance(item, Mapping) else item)


def _is_list(data: Any) -> bool:
    """Whether it is no object, has items, and has a kind that ends in List."""
    if not isinstance(data, Mapping) or _is_object(data):
        return False
    return str(data.get("kind")).endswith(_LIST) and isinstance(data.get("items"), list)


def _is_object(data: Any) -> bool:
    """Whether it has kind, version and name, of the types that the API has."""
    if not isinstance(data, dict) or not isinstance(meta := data.get("metadata"), dict):
        return False
    texts = (data.get("kind"), data.get("apiVersion"), meta.get("name"), meta.get("namespace", "x"))
    marked = meta.get("annotations") or {}
    return all(isinstance(text, str) and text for text in texts) and isinstance(marked, dict)


def _documents(location: str, download: Callable[[str], bytes]) -> list[Any]:
    content = download(location) if is_url(location) else _content(location)
    try:
        found = manifest_yaml.documents(content)
        json.dumps(found, sort_keys=True, allow_nan=False, ensure_ascii=False).encode()
    except manifest_yaml.BadYamlError as error:
        raise _bad(location, f"it is not YAML: {error}") from error
    except (TypeError, ValueError) as error:  # such as a date, or a number that is none
        raise _bad(location, f"it has a value that JSON does not have: {error}") from error
    return found


def _content(location: str) -> bytes:
    try:
        return bounded_file.content(location, downloads.MANIFEST_BYTES)
    except OSError as error:
        raise _bad(location, (error.strerror or "cannot be read").lower()) from error


def _bad(location: str, message: str) -> InventoryError:
    return InventoryError(codes.BAD_MANIFEST, f"{location}: {message}")

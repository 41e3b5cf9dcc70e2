"""What the ConfigMap kbootstrap-last-applied says of a rotation of the CAs; pure.

Where a rotation stands is read from the nodes. They do not show that pods were restarted, nor, once
it has ended, that there was one: a second `certs rotate-ca` must not start another.
"""

from typing import Any

from kbootstrap.model.document import Document
from kbootstrap.model.observed import Observed

RECORD = "ca-rotation"  # the entry in the ConfigMap
AGAIN = 24 * 3600  # seconds after which the command starts another rotation


def finished(api: Observed, ca_hash: str, now: int) -> bool:
    """Whether a rotation to this CA ended less than a day ago."""
    record = _record(api)
    at = record.get("at")
    return bool(
        ca_hash and record.get("finished") == ca_hash and isinstance(at, int) and now - at < AGAIN
    )


def restarted(api: Observed, ca_hash: str) -> bool:
    """Whether the pods were restarted in the rotation from or to this CA."""
    known = _record(api).get("restarted")
    return isinstance(known, list) and ca_hash in known


def end(ca_hash: str, now: int) -> Document:
    """The entry when a rotation has ended."""
    return Document.of({RECORD: {"finished": ca_hash, "at": now}})


def pods(ca_hashes: frozenset[str]) -> Document:
    """The entry when all pods trust these CAs."""
    return Document.of({RECORD: {"restarted": sorted(ca_hashes)}})


def recorded(api: Observed, entry: Document) -> Document:
    """All entries, after this one was set."""
    return Document.of(api.last_applied.data | entry.data)


def _record(api: Observed) -> dict[str, Any]:
    found = api.last_applied.data.get(RECORD)
    return found if isinstance(found, dict) else {}

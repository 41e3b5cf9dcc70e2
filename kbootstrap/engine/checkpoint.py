"""The record of the phases that ended on a node, stored on it with mode 0600.

It is printed by `status` and does not affect plans, which come from probes; but a step is refused
if the record changed after the probe. Written in the same round trip as the end of a phase.
Schema (docs/state.md)::

    {"schema": 1, "cluster": NAME, "node": NAME, "version": "v1.34.2",
     "phases": {PHASE: {"at": "2026-11-21T02:00:00Z", "run": RUN_ID, "changes": 3}}}
"""

import json
import shlex
from datetime import UTC, datetime
from typing import Any

from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.node_paths import CHECKPOINT, STATE_DIR

SCHEMA = 1


def updated(text: str, cluster: Cluster, node: Node, entry: "Entry") -> str:
    """The record after one more phase ended; an unreadable record is replaced."""
    phases = dict(read(text).get("phases", {}))
    phases[entry.phase] = {
        "at": datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "run": entry.run_id,
        "changes": entry.changes,
    }
    record = {
        "schema": SCHEMA,
        "cluster": cluster.name,
        "node": node.name,
        "version": str(cluster.version),
        "phases": phases,
    }
    return json.dumps(record, sort_keys=True)


class Entry:
    """One phase that ended."""

    __slots__ = ("at", "changes", "phase", "run_id")

    def __init__(self, phase: str, run_id: str, changes: int, at: float) -> None:
        self.phase, self.run_id, self.changes, self.at = phase, run_id, changes, at


def read(text: str) -> dict[str, Any]:
    """The record; empty if there is none, or none that can be read. Other phases are left out."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        return {}
    phases = record.get("phases")
    good = phases.items() if isinstance(phases, dict) else ()
    return record | {"phases": {name: entry for name, entry in good if _is_entry(entry)}}


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("at"), str)


def write_script(record: str) -> str:
    """Shell that replaces the record atomically."""
    fresh = f"{CHECKPOINT}.new"
    return (
        f"{{ [ -d {STATE_DIR} ] || mkdir -p {STATE_DIR}; }} && "
        f"printf '%s\\n' {shlex.quote(record)} >{fresh} && mv {fresh} {CHECKPOINT} || "
        f"{{ rm -f {fresh}; false; }}"
    )


def unchanged_script(record: str) -> str:
    """Shell that fails unless the node's record is still this one.

    Between the probe and the lock another run may have worked there.
    """
    return (
        f"kb_said=; [ ! -r {CHECKPOINT} ] || IFS= read -r kb_said <{CHECKPOINT} || :\n"
        f'[ "$kb_said" = {shlex.quote(record.strip())} ]'
    )

"""etcdctl and etcdutl, as far as snapshots go: a state as JSON, padded, with its sha256 behind."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.standin import unknown
from tests.standin.common import flags, http, tls

from .disk import Disk
from .server import member_of
from .state import Member, State

_PAGE = 512
_FLAGS = flags.Spec(
    "endpoints cacert cert key data-dir name initial-cluster initial-cluster-token"
    " initial-advertise-peer-urls bump-revision mark-compacted? write-out"
    " dial-timeout command-timeout",  # it answers or fails at once
    "w=write-out",
)


def run(argv: list[str]) -> int:
    """One command line; its exit status comes back."""
    found = flags.parse(argv[1:], _FLAGS)
    action = COMMANDS.get((argv[0], *found.args[:2]))
    if action is None:
        unknown.report(argv[0], " ".join(found.args))
        sys.stderr.write(f"{argv[0]}: executable file not found in $PATH\n")
        return 1
    return action(found)


def _ask(found: flags.Flags, path: str) -> dict[str, Any]:
    ca = Path(found.get("cacert")).read_text()
    context = tls.client(ca, found.get("cert"), found.get("key"))
    client = http.Client(found.get("endpoints"), context)
    try:
        _, data = client.request("POST", path, {})
    finally:
        client.shutdown()
    answer: dict[str, Any] = json.loads(data)
    return answer


def _endpoint_status(found: flags.Flags) -> int:
    status = _ask(found, "/v3/maintenance/status")
    status["header"]["revision"] = int(status["header"]["revision"])
    print(json.dumps([{"Endpoint": found.get("endpoints"), "Status": status}]))
    return 0


def _save(found: flags.Flags) -> int:
    data = json.dumps(_ask(found, "/standin/dump")).encode()
    data += b" " * (-len(data) % _PAGE)
    path = Path(found.args[2])
    path.write_bytes(data + hashlib.sha256(data).digest())
    path.chmod(0o600)
    print(f"Snapshot saved at {path}")
    return 0


def _read(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    if hashlib.sha256(data[:-32]).digest() != data[-32:]:
        sys.exit("Error: expected sha256 does not match")
    dump: dict[str, Any] = json.loads(data[:-32])
    return dump


def _status(found: flags.Flags) -> int:
    dump = _read(Path(found.args[2]))
    print(json.dumps({"hash": 1, "revision": dump["index"], "totalKey": len(dump["data"])}))
    return 0


def _restore(found: flags.Flags) -> int:
    dump, token = _read(Path(found.args[2])), found.get("initial-cluster-token")
    members: list[Member] = []
    for pair in found.get("initial-cluster").split(","):
        name, _, peer = pair.partition("=")
        members.append(member_of(peer, name, token))
    dump["members"] = [dataclasses.asdict(member) for member in members]
    dump["index"] += int(found.get("bump-revision", "0"))
    me = next(m for m in members if m.peer == found.get("initial-advertise-peer-urls"))
    state = State()
    state.load(dump)
    disk = Disk(Path(found.get("data-dir")))
    disk.create()
    disk.snapshot(state)
    disk.close()
    cluster = member_of(token, "", "").id
    disk.save_meta({"id": me.id, "cluster": cluster, "term": dump["term"], "vote": ""})
    print("restored snapshot")
    return 0


COMMANDS: dict[tuple[str, ...], Callable[[flags.Flags], int]] = {
    ("etcdctl", "endpoint", "status"): _endpoint_status,
    ("etcdctl", "snapshot", "save"): _save,
    ("etcdutl", "snapshot", "status"): _status,
    ("etcdutl", "snapshot", "restore"): _restore,
}

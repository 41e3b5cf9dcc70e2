"""Faults that tests ask for: /etc/standin.conf, YAML or JSON, read again when it changes.

Tables by phase ("init/certs/ca", a parent of it, or "*"; also "upgrade apply/preflight"):
  fail, fail_after  text of the error, before or after the phase has done its work
  hang              seconds, or "forever"
  slow              seconds before the phase begins
Tables by name:
  preflight         {"Swap": "text"}: one more error of that check (the check must run)
  exit              {"init": 3}: the exit code of a command that succeeded
Single values:
  fake_images           true: no image is looked up or pulled, by kubeadm or by the kubelet
  cpus, memory_mb       what NumCPU and Mem find
  system_verification   text of an error of that check
  wrong_ca_in_cluster_info, kubelet_never_healthy, fail_cgroup_v1   true
  api_down              true: the API server closes every connection unanswered
  api_delay             seconds before every answer
  api_start_delay       seconds before the API server opens its port
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

CONF = Path(os.environ.get("STANDIN_CONF", "/etc/standin.conf"))
CALLS = Path(os.environ.get("STANDIN_CALLS", "/var/log/standin/calls.jsonl"))
_cache: dict[str, Any] = {"stamp": None, "value": {}}


def load() -> dict[str, Any]:
    """All switches; an absent file means none."""
    try:
        stamp = CONF.stat().st_mtime_ns
    except OSError:
        return {}
    if stamp != _cache["stamp"]:
        _cache.update(stamp=stamp, value=_parse(CONF.read_text()))
    value: dict[str, Any] = _cache["value"]
    return value


def _parse(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except ValueError:
        import yaml  # noqa: PLC0415  # only a hand-written file costs the import

        return dict(yaml.safe_load(text) or {})


def get(name: str, default: Any = None) -> Any:
    return load().get(name, default)


def table(name: str) -> dict[str, Any]:
    """A switch that maps a phase (or a parent of it, or *) to a value."""
    return dict(load().get(name) or {})


def for_phase(name: str, phase: str) -> Any:
    """The value of the nearest entry: init/certs/ca, init/certs, init, *."""
    entries = table(name)
    parts = phase.split("/")
    for count in range(len(parts), 0, -1):
        if "/".join(parts[:count]) in entries:
            return entries["/".join(parts[:count])]
    return entries.get("*")


def record(**fields: Any) -> None:
    """Append one line to the call log."""
    append(CALLS, **fields)


def append(log: Path, **fields: Any) -> None:
    """Append one line to a log; a node without the directory's disk still works."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"time": round(time.time(), 3), "pid": os.getpid(), **fields})
        with log.open("a") as out:
            out.write(line + "\n")
    except OSError:
        pass

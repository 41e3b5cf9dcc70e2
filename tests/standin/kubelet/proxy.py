"""What the process kube-proxy does: it reads its configuration once, and may refuse it."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import yaml

from tests.standin.common import kube
from tests.standin.common.kube import Kube

Object = dict[str, Any]
LOADED = Path("/run/standin-kube-proxy.conf")  # what the process runs with
_PROCESSES = Path("/run/standin-kube-proxy.json")  # they outlive the kubelet
_HEAD = 'E1201 01:44:36.815334       1 run.go:72] "command failed"'
_FIELD = "failed validate: KubeProxyConfiguration.BindAddress"
RESTARTS = 3  # as after half a minute


class Proxies:
    """Each pod of kube-proxy starts with what its ConfigMap has at that time."""

    def __init__(self, api: Kube) -> None:
        self.api = api
        text = _PROCESSES.read_text() if _PROCESSES.exists() else "{}"
        self.seen: dict[str, str] = json.loads(text)  # uid of a pod -> its process's last line

    def problem(self, pod: Object) -> str:
        """Why its process ended; empty if it runs, or for any other pod."""
        command = next(iter(pod["spec"]["containers"][0].get("command") or []), "")
        if not command.endswith("/kube-proxy"):
            return ""
        uid = pod["metadata"]["uid"]
        if uid not in self.seen:
            self.seen[uid] = self._start(pod)
            _PROCESSES.write_text(json.dumps(self.seen))
        return self.seen[uid]

    def _start(self, pod: Object) -> str:
        at = kube.path("configmaps", pod["metadata"]["namespace"], "kube-proxy")
        config = self.api.get(at)["data"]["config.conf"]
        address = str((yaml.safe_load(config) or {}).get("bindAddress") or "::")
        try:
            ipaddress.ip_address(address)
        except ValueError:
            LOADED.unlink(missing_ok=True)
            value = f'\\"{address}\\": not a valid textual representation of an IP address'
            return f'{_HEAD} err="{_FIELD}: Invalid value: {value}"'
        LOADED.write_text(config)
        return ""

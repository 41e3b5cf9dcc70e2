"""cri-o: its own configuration, name and socket in front of a containerd of its own.

The containerd does the work (images, conditions); it is a child of the daemon, with its own root,
state and socket. Only the stand-in's kubelet, kubeadm and crictl can call this server: it answers
one call on each connection.

Sources: crio.conf(5), containers-registries.conf(5), contrib/systemd/crio.service of cri-o.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from typing import Any

from . import stamp
from .cri import grpc, wire
from .cri.server import Server

SOCKET = Path("/var/run/crio/crio.sock")
CONF_D, REGISTRIES_D = Path("/etc/crio/crio.conf.d"), Path("/etc/containers/registries.conf.d")
RUN = Path("/run/standin-crio")
BEHIND = RUN / "containerd.sock"
PULL = 600.0  # seconds
Object = dict[str, Any]
_CONFIG = """\
version = 2
root = "/var/lib/containers/standin-crio"
state = "{run}/state"
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = {pause}
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{run}/certs.d"
[plugins."io.containerd.internal.v1.opt"]
path = "{run}/opt"
"""


def main(argv: list[str]) -> int:
    """``--version``, or the daemon."""
    if argv == ["--version"]:
        print(f"crio version {_version()}\n   GitTreeState:   clean")
        return 0
    if argv:
        sys.stderr.write(f"flag provided but not defined: {argv[0]}\n")
        return 1
    (RUN / "state").mkdir(mode=0o700, parents=True, exist_ok=True)
    pause = json.dumps(_settings()["image"]["pause_image"])
    config = RUN / "config.toml"
    config.write_text(_CONFIG.format(run=RUN, socket=BEHIND, pause=pause))
    write_registries()
    with subprocess.Popen(["containerd", "--config", str(config)]) as behind:
        signal.signal(signal.SIGTERM, lambda *_: behind.terminate())
        _wait_for(behind)
        threading.Thread(target=Server(SOCKET, answer).serve_forever, daemon=True).start()
        _say_ready()
    return 0


def answer(method: str, request: bytes) -> bytes:
    """One call of the CRI."""
    if method == "/runtime.v1.RuntimeService/Version":
        return wire.pack({1: "0.1.0", 2: "cri-o", 3: _version(), 4: "v1"})
    return grpc.call(str(BEHIND), method, request, PULL)


def _version() -> str:
    return stamp.VERSION.removeprefix("v")


def _settings() -> Object:
    """The table ``crio`` of all drop-ins; a later one wins, key by key."""
    found: Object = {"image": {"pause_image": "registry.k8s.io/pause:3.10.1"}}
    for path in sorted(CONF_D.glob("*.conf")):
        for table, keys in tomllib.loads(path.read_text()).get("crio", {}).items():
            found[table] = {**found.get(table, {}), **keys}
    return found


def write_registries() -> None:
    """Each ``[[registry]]`` as the hosts.toml of containerd."""
    for path in sorted(REGISTRIES_D.glob("*.conf")):
        for table in tomllib.loads(path.read_text()).get("registry", []):
            folder = RUN / "certs.d" / table["prefix"]
            folder.mkdir(parents=True, exist_ok=True)
            urls = [_url(place) for place in (*table.get("mirror", []), table)]
            hosts = "".join(f'[host."{url}"]\ncapabilities = ["pull", "resolve"]\n' for url in urls)
            (folder / "hosts.toml").write_text(f'server = "{_url(table)}"\n{hosts}')


def _url(table: Object) -> str:
    return f"{'http' if table.get('insecure') else 'https'}://{table['location']}"


def _wait_for(behind: subprocess.Popen[bytes]) -> None:
    """Until the containerd answers; exit with its status if it ends."""
    while behind.poll() is None:
        try:
            grpc.call(str(BEHIND), "/runtime.v1.RuntimeService/Version", b"")
        except grpc.GrpcError:
            time.sleep(0.1)
        else:
            return
    sys.exit(behind.returncode)


def _say_ready() -> None:
    """What Type=notify waits for (sd_notify(3))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])

"""The hosts of the benchmark: network namespaces with one sshd each, which answer like nodes.

They have no systemd and no Kubernetes, so a small ``systemctl`` answers as a healthy node's
does, and a socket stands where containerd listens. `kbootstrap up` then goes through all
its host phases, and a second one finds nothing to do.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from bench import cgroup
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote.host_keys import HostKeys
from kbootstrap.remote.hosts import Hosts
from kbootstrap.remote.meter import Meter
from kbootstrap.remote.protocol import Part
from kbootstrap.remote.secret_source import Secrets
from tests.lab.cheap import CheapHosts
from tests.lab.shell import run

GROUP = cgroup.Group("kbootstrap-bench-hosts")
# All network namespaces share one table of neighbours; a full one is "No route to host".
NEIGHBOURS = tuple(Path(f"/proc/sys/net/ipv4/neigh/default/gc_thresh{n}") for n in (3, 2, 1))
NEIGHBOURS_EACH = 16
SYSTEMCTL = r"""#!/bin/sh
[ "$1" = show ] || exit 0
printf '%s\n' ActiveState=active UnitFileState=enabled NeedDaemonReload=no \
  FragmentPath=/etc/systemd/system/unit ExecMainStartTimestampMonotonic=99999999999999
"""
DRESS = f"""
mkdir -p /run/systemd/system /run/containerd
cat >/usr/local/bin/systemctl <<'END'
{SYSTEMCTL}END
chmod 755 /usr/local/bin/systemctl
"""
# What a node has once it has joined; kbootstrap then asks neither for its ports nor its disk.
JOINED = "mkdir -p /etc/kubernetes && : >/etc/kubernetes/kubelet.conf"


class Fleet:
    """``count`` hosts that are up; a context manager."""

    def __init__(self, count: int, name: str = "bench") -> None:
        self.cheap = CheapHosts(name, count)
        self._sockets: subprocess.Popen[str] | None = None
        self._neighbours: dict[Path, str] = {}  # what was there before

    def __enter__(self) -> Self:
        GROUP.make()
        GROUP.enter()
        try:
            self._make_room()
            self.cheap.up()
            self.tell(DRESS)
            self._listen()
        except BaseException:
            self._leave()
            raise
        finally:
            cgroup.leave()
        return self

    def __exit__(self, *_: object) -> None:
        if self._sockets is not None:
            self._sockets.kill()
            self._sockets.communicate()
        self._leave()

    def _leave(self) -> None:
        try:
            self.cheap.down()
        finally:
            for limit, value in reversed(self._neighbours.items()):
                limit.write_text(value)
            self._neighbours = {}

    def _make_room(self) -> None:
        """Let the table of neighbours hold all hosts; `_leave` puts its limits back."""
        for limit in NEIGHBOURS:
            before = limit.read_text()
            if int(before) < NEIGHBOURS_EACH * self.cheap.count:
                self._neighbours[limit] = before
                limit.write_text(str(NEIGHBOURS_EACH * self.cheap.count))

    @property
    def names(self) -> list[str]:
        """Node names, in order."""
        return [host.name for host in self.cheap.hosts]

    @property
    def addresses(self) -> list[str]:
        """Their addresses, in the same order."""
        return [host.address for host in self.cheap.hosts]

    def target(self, address: str, port: int = 22) -> SshTarget:
        """How to log in to one of them."""
        return SshTarget(host=address, port=port, user="root", key_file=str(self.cheap.key))

    def hosts(self) -> Hosts:
        """Connections as kbootstrap makes them."""
        return Hosts(HostKeys([self.cheap.known_hosts()]), Secrets(), Meter())

    def tell(self, script: str, *, first: int = 0) -> list[Any]:
        """Run a script on every host from the ``first``; returns what each printed."""
        hosts = self.hosts()

        def one(pair: tuple[str, str]) -> str:
            wire = hosts.connection(self.target(pair[1]), pair[0])
            reply = wire.perform([Part("it", script)], run_id="bench")
            if not reply.ok:
                raise RuntimeError(f"{pair[0]}: {reply.output('it')}")
            return reply.output("it")

        try:
            with ThreadPoolExecutor(16) as pool:
                pairs = list(zip(self.names, self.addresses, strict=True))
                return list(pool.map(one, pairs[first:]))
        finally:
            hosts.close()

    def wire_bytes(self) -> int:
        """Bytes that have crossed the bridge so far, both ways."""
        folder = f"/sys/class/net/{self.cheap.network.bridge}/statistics"
        return sum(_number(f"{folder}/{way}_bytes") for way in ("rx", "tx"))

    def _listen(self) -> None:
        """Open the runtime's socket on every host, all in one helper process."""
        pids = [_sshd(host.port.name) for host in self.cheap.hosts]
        words = [sys.executable, "-m", "bench.sockets", *pids]
        self._sockets = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        if self._sockets.stdout is None or self._sockets.stdout.readline() != "ready\n":
            raise RuntimeError("the sockets did not open")


def _sshd(space: str) -> str:
    """The listening sshd of a network namespace: the eldest, whose number need not be the least."""
    began: dict[int, str] = {}
    for pid in run(["ip", "netns", "pids", space]).stdout.split():
        with suppress(OSError):  # a login that is just ending
            _, _, words = Path(f"/proc/{pid}/stat").read_text().partition("(sshd) ")
            if words:
                began[int(words.split()[19])] = pid
    return began[min(began)]


def _number(path: str) -> int:
    return int(Path(path).read_text())

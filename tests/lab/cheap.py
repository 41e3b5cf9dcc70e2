"""Hundreds of hosts for fan-out tests: a network namespace and one sshd each, no systemd.

Every host sees a copy-on-write view of the nodes' root filesystem and processes of its own, so
files pushed to many hosts do not collide and nothing reaches the host's own files.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import rootfs
from tests.lab.network import Port
from tests.lab.shell import answers, run, spawn, wait_until, write_files
from tests.lab.site import Site

PREFIX = 16
FIRST_HOST = 257  # 10.9x.1.1
CONFIG = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile none
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxStartups 200
Subsystem sftp internal-sftp
"""
# Mounts happen in the host's own mount namespace and vanish with its last process.
SCRIPT = """
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
mount -t proc proc "$2/root/proc"
mount --rbind /dev "$2/root/dev"
mount -t tmpfs tmpfs "$2/root/run"
mkdir "$2/root/run/sshd"
hostname "$3"
exec chroot "$2/root" /usr/sbin/sshd -D -e -f /etc/ssh/sshd_config_cheap
"""


@dataclass(frozen=True)
class CheapHost:
    """One host; `folder`/upper holds exactly the files which were written on it."""

    name: str
    port: Port
    folder: Path

    @property
    def address(self) -> str:
        return self.port.address

    @property
    def log(self) -> Path:
        """What its sshd said."""
        return self.folder / "log"

    def create(self) -> str:
        """Lay out the host's disk and network; give its public host key."""
        keys = self.folder / "upper/etc/ssh"
        for folder in (keys, self.folder / "work", self.folder / "root"):
            folder.mkdir(parents=True)
        hosts = f"127.0.0.1\tlocalhost\n127.0.1.1\t{self.name}\n"
        write_files(self.folder / "upper", {"/etc/hosts": hosts, "/etc/hostname": self.name})
        key = keys / "ssh_host_ed25519_key"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", key])
        self.port.plug()
        return " ".join(key.with_suffix(".pub").read_text().split()[:2])

    def start(self, image: str) -> None:
        """Start sshd over the layers of `image`."""
        inside = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child"]
        script = ["sh", "-euc", SCRIPT, "sh", image, str(self.folder), self.name]
        spawn(["ip", "netns", "exec", self.port.name, *inside, *script], self.log)

    def answers(self) -> bool:
        return answers(self.address, 22, greeting=b"SSH-")

    def kill(self) -> None:
        """End every process of the host at once; what is on its disk stays."""
        kill_all(self.port)


def kill_all(port: Port) -> None:
    """Kill the processes in a port's namespace and wait until they are gone."""

    def gone() -> bool:
        pids = run(["ip", "netns", "pids", port.name]).stdout.split()
        run(["kill", "-KILL", *pids], check=False)
        return not pids

    wait_until(f"the processes in {port.name} end", gone)


class CheapHosts(Site):
    """`count` hosts on a bridge of their own, as a context manager; users as in a Lab."""

    def __init__(self, name: str = "cheap", count: int = 10) -> None:
        super().__init__(name)
        self.count = count
        self.hosts: list[CheapHost] = []

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    def up(self) -> None:
        """Make all hosts and wait until each answers; all or nothing."""
        self.down()
        try:
            self.claim(prefix=PREFIX)
            image = self._image()
            hosts = [self._host(FIRST_HOST + i, f"h{i + 1}") for i in range(self.count)]
            with ThreadPoolExecutor(max_workers=4) as pool:
                keys = list(pool.map(CheapHost.create, hosts))
                list(pool.map(lambda host: host.start(image), hosts))
            self.write_known_hosts((h.address, k) for h, k in zip(hosts, keys, strict=True))
            for host in hosts:
                wait_until(f"sshd of {host.name} answers, see {host.log}", host.answers)
            self.hosts = hosts
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Remove all of it, also what an earlier process left."""
        if self.claimed:
            with ThreadPoolExecutor(max_workers=4) as pool:
                list(pool.map(kill_all, self.network.ports()))
        self.release()
        self.hosts = []

    def _image(self) -> str:
        """The layers below every host: the node image, and over it what opens it to the key."""
        layers = {part: self.folder / "image" / part for part in ("upper", "work", "root")}
        for folder in layers.values():
            folder.mkdir(parents=True)
        upper, below = layers["upper"], rootfs.ensure(rootfs.NODE)
        options = f"lowerdir={below},upperdir={upper},workdir={layers['work']}"
        run(["mount", "-t", "overlay", "overlay", "-o", options, layers["root"]])
        files = {**self.login_files("cheap"), "/etc/ssh/sshd_config_cheap": CONFIG}
        write_files(layers["root"], files)
        run(["umount", layers["root"]])
        return f"{upper}:{below}"

    def _host(self, number: int, name: str) -> CheapHost:
        return CheapHost(name, Port(self.network, number), self.folder / "hosts" / name)

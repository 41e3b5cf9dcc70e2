"""One node: a container with systemd as PID 1 which looks like a real one over SSH.

Its disk is an overlay retained by the lab, not by podman, so it outlives reboots and power cuts.
"""

import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.lab.disks import SmallDisks
from tests.lab.network import Port
from tests.lab.shell import Completed, LabError, answers, run, wait_until, write_files
from tests.lab.snapshot import Snapshot
from tests.lab.sshlog import READ, SshEvent, parse

# Overlays do not stack, so what mounts overlays of its own, or syncs a lot, gets directories.
FOLDERS = ("containerd", "containers", "kubelet", "etcd")
INIT = "/usr/lib/kbootstrap-lab/init"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOT_SECONDS = 60
PODMAN_RUN = shlex.split(
    "podman --cgroup-manager cgroupfs --runtime runc run --detach --privileged --systemd always"
    " --cgroupns private --pids-limit 0 --ulimit nofile=20000:20000 --ulimit nproc=30000:30000"
    " --log-driver none --no-hosts --dns none --restart on-failure"
)


class Node:
    """A node of the lab, with the ways to watch it and to break it."""

    def __init__(self, name: str, port: Port, folder: Path, disks: Mapping[str, str]) -> None:
        self.name = name
        self.container = f"kbl-{folder.parent.parent.name}-{name}"
        self.port = port
        self.folder = folder
        self.disks = SmallDisks(folder / "disks", dict(disks))

    @property
    def address(self) -> str:
        return self.port.address

    @property
    def root(self) -> Path:
        """The node's root file system as the host sees it (without those of `FOLDERS`)."""
        return self.folder / "root"

    @property
    def etc(self) -> Path:
        """The node's /etc as the host sees it, also when it is a small disk."""
        small = "/etc" in self.disks.sizes
        return self.disks.disk("/etc") / "upper" if small else self.root / "etc"

    # --- making and removing

    def create(self, rootfs: Path, files: Mapping[str, str]) -> None:
        """Lay out the node's disk and write the given files to it; it is not started yet."""
        for part in ("upper", "work", "root", *FOLDERS):
            (self.folder / part).mkdir(parents=True)
        upper = self.disks.mount("/", self.folder / "upper")
        work = upper.with_name("work")
        layers = f"lowerdir={rootfs},upperdir={upper},workdir={work}"
        run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root])
        write_files(self.root, files)
        self.port.plug()
        self._create_container()

    def _create_container(self) -> None:
        volumes = {f"/var/lib/{part}": self.folder / part for part in FOLDERS}
        volumes |= self.disks.volumes(self.root)
        options = [f"--volume={source}:{target}" for target, source in sorted(volumes.items())]
        options += [f"--name={self.container}", f"--hostname={self.name}"]
        options += [f"--network=ns:{self.port.path}", f"--pidfile={self.folder / 'pid'}"]
        run([*PODMAN_RUN, *options, "--rootfs", self.root, INIT])

    def remove(self) -> None:
        """Take container and disk away; also what an earlier, killed lab left half made."""
        run(["podman", "rm", "--force", "--time", "0", "--ignore", self.container])
        if self.folder.exists():
            run(["umount", "--quiet", self.root], check=False)
            self.disks.unmount()
            shutil.rmtree(self.folder)

    # --- looking at it

    @property
    def pid(self) -> int:
        """Process id of the node's systemd on this host, 0 when the node is off."""
        try:
            pid = int((self.folder / "pid").read_text())
            # The number may have passed to some other process, whose namespaces are not ours.
            ours = Path(f"/proc/{pid}/ns/net").samefile(self.port.path)
        except (OSError, ValueError):
            return 0
        return pid if ours else 0

    def exec(
        self,
        command: str | Sequence[str],
        *,
        stdin: str | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> Completed:
        """Run a command (arguments, or one shell script) as root in the node, not through its sshd.

        It enters the node's namespaces from outside: milliseconds, works while the node is cut off,
        and leaves no trace in it.
        """
        pid = self.pid
        if not pid:
            raise LabError(f"{self.name} is off")
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        enter = f"nsenter --target {pid} --mount --uts --ipc --net --pid --cgroup --wdns=/root"
        environment = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8"]
        argv = [*enter.split(), *environment, *words]
        return run(argv, stdin=stdin, check=check, timeout=timeout)

    def power(self) -> str:
        """One of podman's states: running, paused (frozen), exited (off)."""
        argv = ["podman", "inspect", "--format", "{{.State.Status}}", self.container]
        return run(argv).stdout.strip()

    def boot_id(self) -> str:
        return self.exec(["cat", "/proc/sys/kernel/random/boot_id"]).stdout.strip()

    def host_keys(self) -> list[str]:
        """The public host keys, "TYPE BASE64" each, as known_hosts wants them."""
        files = sorted((self.etc / "ssh").glob("ssh_host_*_key.pub"))
        return [" ".join(file.read_text().split()[:2]) for file in files]

    def packages(self) -> dict[str, str]:
        """Installed Debian packages and their versions."""
        listing = self.exec(["dpkg-query", "--show", "--showformat=${Package} ${Version}\n"])
        return dict(line.split() for line in listing.stdout.splitlines())

    def snapshot(self, skip: Iterable[str] = ()) -> Snapshot:
        return Snapshot.take(self, skip)

    def sshd_log(self, *, after: float = 0) -> list[SshEvent]:
        """Connections sshd saw, over all boots; `after` is a time in seconds since the epoch."""
        self.exec(["journalctl", "--sync"])
        return [event for event in parse(self.exec(READ).stdout) if event.time > after]

    # --- waiting for it

    def contacts(self, *, after: float) -> list[SshEvent]:
        """What sshd logged since, without the ends of earlier connections, which it logs late."""
        return [event for event in self.sshd_log(after=after) if event.kind != "closed"]

    def wait_booted(self) -> None:
        """Wait until systemd has finished starting and sshd answers."""
        wait_until(f"{self.name} boots", self._is_booted, timeout=BOOT_SECONDS, every=0.1)
        if self.port.is_cut:
            return
        wait_until(f"sshd of {self.name} answers", self.ssh_answers, timeout=BOOT_SECONDS)
        wait_until(f"{self.name} has its addresses", self._has_addresses, timeout=BOOT_SECONDS)

    def wait_rebooted(self, before: str) -> None:
        """Wait for a boot that was asked for elsewhere; `before` is the boot id until then."""
        wait_until(f"{self.name} goes down", lambda: self._boot_id_or_none() != before)
        self.wait_booted()

    def _boot_id_or_none(self) -> str | None:
        try:
            return self.boot_id()
        except LabError:
            return None

    def _is_booted(self) -> bool:
        if not self.pid:
            return False
        state = self.exec(["systemctl", "is-system-running"], check=False).stdout.strip()
        return state in {"running", "degraded"}

    def _has_addresses(self) -> bool:
        """No IPv6 address is still being checked for duplicates: its route comes afterwards."""
        return not self.exec(["ip", "-6", "-o", "address", "show", "tentative"]).stdout.strip()

    def ssh_answers(self) -> bool:
        return answers(self.address, 22, greeting=b"SSH-")

    # --- making it suffer

    def cut(self) -> None:
        """Pull the network cable."""
        self.port.cut()

    def reconnect(self) -> None:
        self.port.reconnect()

    def freeze(self) -> None:
        """Stop every process where it stands: the address still answers pings, nothing else."""
        words = ["podman", "--cgroup-manager", "cgroupfs", "pause", self.container]
        # the kernel cannot always stop all processes at once: "unable to freeze"
        wait_until(f"{self.name} is frozen", lambda: run(words, check=False).returncode == 0)

    def thaw(self) -> None:
        run(["podman", "--cgroup-manager", "cgroupfs", "unpause", self.container])

    def kill(self) -> None:
        """Pull the power plug. The disk stays; `start` boots it again."""
        run(["podman", "kill", "--signal", "KILL", self.container])
        wait_until(f"{self.name} is off", lambda: not self.pid)

    def start(self) -> None:
        """Press the power button and wait for the boot; a pulled cable is plugged in again."""
        self.port.plug()
        run(["podman", "start", self.container])
        self.wait_booted()

    def stop(self) -> None:
        """Shut down in order."""
        run(["podman", "stop", "--time", "30", self.container])

    def reboot(self) -> None:
        """Shut down in order and boot again: same disk, new boot id, fresh network state.

        A node may also reboot itself (see `wait_rebooted`); then its namespace stays, and with it
        firewall rules and network sysctls.
        """
        self.stop()
        self.start()

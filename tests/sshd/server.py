"""An OpenSSH server on a high port of 127.0.0.1 with its own keys and log."""

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kbootstrap.model.ssh_target import SshTarget

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


def free_port() -> int:
    """A port on which no process listens now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True)
    return path


class Server:
    """A running sshd."""

    def __init__(self, folder: Path, *options: str, environment: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.port = free_port()
        self.log_file = folder / "log"
        folder.mkdir(parents=True, exist_ok=True)
        self.host_key = folder / "host_key"
        if not self.host_key.exists():
            make_key(self.host_key)
        self.client_key = folder / "client_key"
        if not self.client_key.exists():
            make_key(self.client_key)
        shutil.copy(self.client_key.with_suffix(".pub"), folder / "authorized_keys")
        config = folder / "sshd_config"
        variables = " ".join(["HOME=/nonexistent", *environment])  # no ~/.bashrc
        lines = [*self._config(), f"SetEnv {variables}", *options]
        config.write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [SSHD, "-D", "-f", str(config), "-E", str(self.log_file)],
            stdin=subprocess.DEVNULL,
        )
        self._wait()

    def _config(self) -> list[str]:
        return [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.host_key}",
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            "PidFile none",
            "UsePAM no",
            "UseDNS no",
            "StrictModes no",
            "LogLevel VERBOSE",
            "PasswordAuthentication no",
            "PermitRootLogin yes",
        ]

    def _wait(self) -> None:
        deadline = time.monotonic() + 10
        while "Server listening" not in self.log():
            assert time.monotonic() < deadline, self.log()
            assert self._process.poll() is None, self.log()
            time.sleep(0.01)

    def log(self) -> str:
        """What it has logged."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    @property
    def connections(self) -> int:
        """How many TCP connections it has had."""
        return self.log().count("Connection from ")

    @property
    def host_key_line(self) -> str:
        """``ssh-ed25519 AAAA...``."""
        return " ".join(self.host_key.with_suffix(".pub").read_text().split()[:2])

    def target(self, **changes: object) -> SshTarget:
        """How to log in to it."""
        values: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": getpass.getuser(),
            "key_file": str(self.client_key),
            "host_keys": (self.host_key_line,),
        }
        return SshTarget(**{**values, **changes})  # type: ignore[arg-type]

    def kill_sessions(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the processes that serve connections; the listener stays."""
        for pid in re.findall(r"(?m)^User child is on pid (\d+)", self.log()) or self._children():
            _kill(int(pid), number)

    def _children(self) -> list[str]:
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return path.read_text().split()

    def stop(self) -> None:
        """End the listener and every session."""
        for pid in self._children():
            _kill(int(pid))
        self._process.kill()
        self._process.wait()


def _kill(pid: int, number: int = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def running(folder: Path, *options: str, environment: tuple[str, ...] = ()) -> Iterator[Server]:
    """A server for the length of a block."""
    server = Server(folder, *options, environment=environment)
    try:
        yield server
    finally:
        server.stop()

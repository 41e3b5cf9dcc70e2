"""What every kind of lab has: a name, a subnet, a key, and directories to keep them in."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.lab import rootfs
from tests.lab.network import SLOTS, Network
from tests.lab.shell import LabError, run

STATE = Path(__file__).parents[2] / ".lab"  # what people need: key, known_hosts, lab.json
DISKS = Path("/var/lib/kbootstrap-lab")  # what the nodes of a lab need, by lab
SETUP = Path(__file__).with_name("setup.sh")
# All nodes share one kernel and one root user, whose usual 128 do for a single Kubernetes node.
INOTIFY, INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances"), 8192
HOMES = {"root": "/root", "ops": "/home/ops", "opspw": "/home/opspw"}


class Site:
    """A named place with a subnet and a key. Sites of different names exist side by side."""

    sudo_password = rootfs.OPSPW_PASSWORD

    def __init__(self, name: str) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", name):
            raise LabError(f"a lab's name is a few small letters and digits, not {name!r}")
        self.name = name
        self.state = STATE / name
        self.folder = DISKS / name
        self.key = self.state / "key"
        # The subnet claimed by an earlier process, if any; else claim() will choose one.
        self.network = Network(int(self._slot.read_text()) if self.claimed else SLOTS[0])

    @property
    def _slot(self) -> Path:
        return self.folder / "slot"

    @property
    def claimed(self) -> bool:
        """Whether a site of this name holds a subnet, made by this process or an earlier one."""
        return self._slot.exists()

    def claim(self, *, prefix: int = 24) -> None:
        """Take the first free subnet, and make the network and a fresh key."""
        run([SETUP], timeout=1200)
        if int(INOTIFY.read_text()) < INOTIFY_INSTANCES:
            INOTIFY.write_text(str(INOTIFY_INSTANCES))
        with rootfs.locked("slots"):
            taken = {int(slot.read_text()) for slot in DISKS.glob("*/slot")}
            free = [slot for slot in SLOTS if slot not in taken]
            if not free:
                raise LabError(f"all {len(SLOTS)} subnets are taken; see {DISKS}")
            self.folder.mkdir(parents=True)
            self._slot.write_text(str(free[0]))
        self.network = Network(free[0], prefix)
        self.state.mkdir(parents=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", self.key])
        self.network.up()

    def release(self) -> None:
        """Give subnet and directories back; whatever runs in them must have ended before."""
        if self.claimed:
            self.network.down()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)

    # --- logging in

    def login_files(self, hostname: str) -> dict[str, str]:
        """The files that make the image this very node, and let the key log in."""
        public_key = self.key.with_suffix(".pub").read_text()
        files = {f"{home}/.ssh/authorized_keys": public_key for home in HOMES.values()}
        files["/etc/hostname"] = f"{hostname}\n"
        files["/etc/hosts"] = f"127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n"
        # Nothing answers there, and says so at once: a look-up fails without a wait.
        files["/etc/resolv.conf"] = f"nameserver {self.network.gateway}\n"
        return files

    def known_hosts(self) -> Path:
        return self.state / "known_hosts"

    def write_known_hosts(self, keys: Iterable[tuple[str, str]]) -> None:
        """Trust these (address, "TYPE BASE64") pairs."""
        self.known_hosts().write_text("".join(f"{address} {key}\n" for address, key in keys))

    def ssh(self, address: str, user: str = "root") -> list[str]:
        """The arguments of an OpenSSH command which logs in strictly by the lab's own files."""
        options = [f"UserKnownHostsFile={self.known_hosts()}", "IdentitiesOnly=yes"]
        options += ["StrictHostKeyChecking=yes", "BatchMode=yes", "LogLevel=ERROR"]
        words = [word for option in options for word in ("-o", option)]
        return ["ssh", "-F", "none", "-i", str(self.key), *words, f"{user}@{address}"]

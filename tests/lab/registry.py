"""The lab's container registry: Debian's docker-registry on the bridge, plain http.

Its store is retained between labs, since pushing a real Kubernetes takes a while. Real images and
stand-ins have prefixes of their own in it, so one never hides the other.
"""

import os
import re
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab import rootfs
from tests.lab.images import Files, fingerprint, write_layout
from tests.lab.network import Network
from tests.lab.shell import LabError, answers, run, spawn, wait_until

PORT = 5000
KUBERNETES = Path("/opt/kbootstrap-lab/kubernetes")  # a directory of real binaries per version
ETCD = Path("/opt/kbootstrap-lab/etcd")
STORE = rootfs.CACHE / "registry-v1"
CONFIG = """\
version: 0.1
log: {level: warn, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: %(store)s}, cache: {blobdescriptor: inmemory}}
http: {addr: "%(address)s"}
"""
ACCESS = re.compile(
    r'^(?P<source>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<method>GET|HEAD)'
    r' /v2/(?P<image>\S+)/manifests/(?P<reference>\S+) [^"]*" (?P<status>\d+)'
)

COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
ON_DEBIAN = frozenset({"kube-proxy", "etcd"})  # the others are one static binary each
COREDNS, PAUSE = "v1.12.3", "3.10.1"
ETCD_DEFAULT, ETCD_DEBIAN = "3.6.4-0", "3.5.30-0"
COREDNS_FILES: Files = {
    "/coredns": rootfs.IMAGE_FILES / "coredns-stand-in",
    "/bin/busybox": Path("/bin/busybox"),
    "/answers/health": b"OK",
    "/answers/ready": b"OK",
}
ETCD_AS_3_6 = rootfs.IMAGE_FILES / "etcd-as-3.6"


@dataclass(frozen=True)
class Pull:
    """One request for an image's manifest by a client that is not the lab itself."""

    source: str
    image: str
    reference: str
    status: int
    time: str


class Registry:
    """A running registry; `repository` is what an inventory calls the image repository."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network = network
        self.folder = folder
        self.log = folder / "log"

    @property
    def address(self) -> str:
        return f"{self.network.gateway}:{PORT}"

    def repository(self, prefix: str = "k8s") -> str:
        return f"{self.address}/{prefix}"

    # --- the process

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._answers():
            if not self.log.exists():
                raise LabError(f"somebody else's registry answers at {self.address}: stop it")
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        STORE.mkdir(parents=True, exist_ok=True)
        config = self.folder / "config.yml"
        config.write_text(CONFIG % {"store": STORE, "address": self.address})
        argv = ["docker-registry", "serve", str(config)]
        (self.folder / "pid").write_text(str(spawn(argv, self.log)))
        wait_until(f"registry at {self.address} answers (see {self.log})", self._answers)

    def _answers(self) -> bool:
        return answers(self.network.gateway, PORT)

    def stop(self) -> None:
        """End it, whichever process started it."""
        note = self.folder / "pid"
        if not note.exists():
            return
        pid = int(note.read_text())
        command = Path("/proc", str(pid), "cmdline")
        if command.exists() and str(self.folder).encode() in command.read_bytes():
            os.kill(pid, signal.SIGKILL)
            wait_until("the registry ends", lambda: not self._answers())
        note.unlink()

    # --- what is in it

    def push_program(self, name: str, tag: str, files: Files, *, on_debian: bool = False) -> str:
        """Push an image of the given files, unless the store has it; give its full name.

        The first file is the entry point. `on_debian` puts a small Debian below, for binaries
        which are not static or which call others.
        """
        image = f"{self.address}/{name}:{tag}"
        mark = STORE / "pushed" / f"{name}:{tag}".replace("/", "_")
        with rootfs.locked("registry"):
            wanted = fingerprint(files, on_debian=on_debian)
            if not mark.exists() or mark.read_text() != wanted:
                self._push(image, files, on_debian=on_debian)
                mark.parent.mkdir(exist_ok=True)
                mark.write_text(wanted)
        return image

    def _push(self, image: str, files: Files, *, on_debian: bool) -> None:
        with tempfile.TemporaryDirectory(dir=rootfs.CACHE) as folder:
            layout = Path(folder, "layout")
            write_layout(layout, files, on_debian=on_debian)
            skopeo = ["skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"]
            run([*skopeo, f"oci:{layout}", f"docker://{image}"], timeout=300)

    def push_kubernetes(self, binaries: Path, version: str, *, prefix: str = "k8s") -> str:
        """Push the real binaries of this directory, and etcd; return the repository.

        There is no real CoreDNS: its name holds a small stand-in which becomes ready. Etcd is
        Debian's 3.5 under its own tag; under kubeadm's default tag it also takes 3.6's flags.
        """
        tools = {f"/usr/local/bin/{name}": ETCD / name for name in ("etcdctl", "etcdutl")}
        etcd = ETCD / "etcd"
        images: dict[str, Files] = {
            f"{name}:{version}": {f"/usr/local/bin/{name}": binaries / name} for name in COMPONENTS
        }
        images[f"pause:{PAUSE}"] = {"/pause": binaries / "pause"}
        images[f"coredns:{COREDNS}"] = COREDNS_FILES
        images[f"etcd:{ETCD_DEBIAN}"] = {"/usr/local/bin/etcd": etcd, **tools}
        as_3_6 = {"/usr/local/bin/etcd": ETCD_AS_3_6, "/usr/local/bin/etcd-3.5": etcd}
        images[f"etcd:{ETCD_DEFAULT}"] = {**as_3_6, **tools}
        return self._push_all(prefix, images, ON_DEBIAN)

    def push_standin(self, version: str, *, prefix: str = "standin") -> str:
        """Push tiny images under every name and tag kubeadm asks for; give the repository.

        They pull like the real ones and cannot run.
        """
        tags = [*((name, version) for name in COMPONENTS), ("coredns", COREDNS), ("pause", PAUSE)]
        tags += [("etcd", ETCD_DEFAULT), ("etcd", ETCD_DEBIAN)]
        images: dict[str, Files] = {
            f"{name}:{tag}": {f"/{name}": f"stand-in for {name} {tag}\n".encode()}
            for name, tag in tags
        }
        return self._push_all(prefix, images, frozenset())

    def _push_all(self, prefix: str, images: Mapping[str, Files], on_debian: frozenset[str]) -> str:
        for image, files in images.items():
            name, _, tag = image.partition(":")
            self.push_program(f"{prefix}/{name}", tag, files, on_debian=name in on_debian)
        return self.repository(prefix)

    # --- what was asked of it

    def pulls(self) -> list[Pull]:
        """Who asked for which image, in order; requests of the lab itself are left out."""
        matches = (ACCESS.match(line) for line in self.log.read_text().splitlines())
        pulls = [
            Pull(m["source"], m["image"], m["reference"], int(m["status"]), m["time"])
            for m in matches
            if m
        ]
        return [pull for pull in pulls if pull.source != self.network.gateway]

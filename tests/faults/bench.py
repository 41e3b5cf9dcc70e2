"""A site to break things on: small disks everywhere, a small disk and a clock for the operator."""

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from kbootstrap.model.cluster import Cluster
from kbootstrap.model.document import merged
from kbootstrap.model.load import load
from tests.e2e.conftest import new_site
from tests.e2e.expired import age_control_plane, forget_rotation
from tests.e2e.site import VERSION, Result, Site, run_forked
from tests.e2e.upgrades import offer
from tests.faults.gate import Held
from tests.faults.operator import CLOCK, RECOVER
from tests.faults.points import NEXT
from tests.lab import Lab
from tests.lab.shell import LabError, run

# /var must have 1 GiB free for a fresh node; to /etc a real kubeadm upgrade copies etcd's data.
DISKS = {
    "standin": {"/var": "1300m", "/etc": "24m"},
    "real": {"/var": "2000m", "/etc": "600m"},
}
SOON = timedelta(days=10)
# A change of each component; its phases are `points.CHANGES`.
CHANGED: dict[str, Any] = {
    "api": {"cert_sans": ["api.example.test", "faults.example.test"]},
    "kubeadm": {"extra_args": {"api_server": {"v": ["3"]}}},
    "kubelet": {"maxPods": 99},
    "kube_proxy": {"iptables": {"masqueradeAll": True}},
    "runtime": {
        "settings": {"plugins": {"io.containerd.grpc.v1.cri": {"stream_idle_timeout": "3h0m0s"}}}
    },
    "defaults": {"labels": {"faults.example.test/changed": "yes"}},
}
DESK = "16m"  # the operator's disk: inventory, kubeconfig, journals, cache


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long things last. The short ones are for CI."""

    link: float = 60.0  # seconds a link is down
    api: float = 30.0
    recover: int = (
        0  # seconds a lost node or API is waited for; 0: as long as kbootstrap itself does
    )
    bound: float = 600.0  # a run must end by itself within these


SHORT = Patience(link=12, api=12, recover=15, bound=420)
FULL = Patience()


@dataclass(frozen=True)
class Bench:
    """A site and the operator's desk."""

    site: Site
    patience: Patience

    @property
    def cluster(self) -> Cluster:
        return load(self.site.inventory)

    @property
    def desk(self) -> Path:
        """The operator's small disk."""
        return self.site.folder

    @property
    def clock(self) -> Path:
        """Holds how far the operator's clock is off; absent: not at all."""
        return self.site.lab.state / "clock"

    def command(self, words: Sequence[str]) -> list[str]:
        """The argv of a run."""
        return [
            "tests.faults.operator" if word == "tests.e2e.checked" else word
            for word in self.site.command(*words)
        ]

    def environment(self) -> dict[str, str]:
        """The operator's: all that kbootstrap keeps goes to the desk."""
        mine = {
            "HOME": str(self.desk),
            "XDG_STATE_HOME": str(self.desk / "state"),
            "XDG_CACHE_HOME": str(self.desk / "cache"),
        }
        if self.patience.recover:
            mine[RECOVER] = str(self.patience.recover)
        if self.clock.exists():
            mine[CLOCK] = str(self.clock)
        return os.environ | mine

    def start(self, words: Sequence[str]) -> Held:
        """Say a command; it is held at each event."""
        return Held(self.command(words), self.environment())

    def run(self, words: Sequence[str], seconds: float = 600) -> Result:
        """Say a command that nothing holds."""
        return run_forked(self.command(words), self.environment(), seconds)

    # --- the desk's disk

    def fill_desk(self) -> None:
        """Use up the last byte of it."""
        block = b"\0" * 65536
        with (self.desk / "ballast").open("wb", buffering=0) as ballast:
            while block:
                try:
                    os.write(ballast.fileno(), block)
                except OSError:
                    block = block[: len(block) // 2]

    def free_desk(self) -> None:
        (self.desk / "ballast").unlink(missing_ok=True)

    # --- between two lives

    def says(self, version: str) -> None:
        """The inventory names this version; its worker has a label, so that labels are set."""
        self.site.version = version
        self.site.write_inventory()
        data = self.site.inventory_data()
        data["nodes"][-1]["labels"] = {"faults.example.test/shelf": "three"}
        self.site.save(data)

    def prepare(self, stage: str) -> None:
        """See to it that a stage has something to do."""
        if stage == "change":
            data = self.site.inventory_data()
            self.site.save(merged(data, CHANGED))
        elif stage == "replace":
            name = self.cluster.control_planes[-1].name
            self.site.node(name).exec("rm /etc/kubernetes/kubelet.conf")
        elif stage == "renew":
            for node in self.cluster.control_planes:
                age_control_plane(self.site.node(node.name), SOON)
        elif stage == "rotate":
            forget_rotation(self.site.node("node1"))

    def forget_images(self) -> None:
        """Have the next life pull them again."""
        words = "ctr -n k8s.io images ls -q | xargs -r ctr -n k8s.io images rm >/dev/null 2>&1"
        for node in self.site.lab.nodes:
            node.exec(words, check=False)


@contextmanager
def bench(name: str, kind: str, patience: Patience, *, keep: bool = False) -> Iterator[Bench]:
    """Two control planes and a worker, fresh, and a desk; all gone afterwards."""
    lab = Lab(name, 3, disks=DISKS[kind])
    desk = Path(tempfile.mkdtemp(prefix=f"kbf-{name}-"))
    programs = Path(tempfile.mkdtemp(prefix=f"kbf-{name}-programs-"))
    run(["mount", "-t", "tmpfs", "-o", f"size={DESK}", "kbl-desk", desk])
    try:
        lab.up()
        lab.registry.start()
        site = new_site(lab, kind, programs, control_planes=2)
        offer(site, VERSION, NEXT)
        made = Bench(dataclasses.replace(site, folder=desk), patience)
        made.says(VERSION)
        yield made
    finally:
        if not keep:
            lab.down()
        with suppress(LabError):
            run(["umount", desk])
        shutil.rmtree(desk, ignore_errors=True)
        shutil.rmtree(programs, ignore_errors=True)

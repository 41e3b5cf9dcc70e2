"""A site for end-to-end runs: lab nodes, binaries (real or stand-in), kbootstrap as a process."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import yaml

from kbootstrap.model.document import merged
from tests.e2e.checked import RECORD
from tests.e2e.effects import wrong_effects
from tests.e2e.prefork import Forked
from tests.lab import Lab
from tests.lab.node import Node
from tests.lab.registry import COMPONENTS, ETCD, KUBERNETES
from tests.lab.shell import LabError
from tests.standin import unknown

VERSION = "v1.34.2"
ETCD_TAG = "3.5.30-0"
NO_CHANGE = ("wait ", "read ", "check that ")  # how the texts of actions begin that change nothing


def real_programs(version: str = VERSION) -> Path | None:
    """The directory of real binaries, if it is there; KBOOTSTRAP_LAB_KUBERNETES names another.

    None with KBOOTSTRAP_E2E=standin.
    """
    if os.environ.get("KBOOTSTRAP_E2E") == "standin":
        return None
    said = os.environ.get("KBOOTSTRAP_LAB_KUBERNETES")
    folder = Path(said) if said else KUBERNETES / version
    return folder if (folder / "kubeadm").is_file() else None


def need_binaries(directory: Path) -> None:
    """Raise LabError, with every path, if a real binary that a cluster needs is missing."""
    kubernetes = ("kubeadm", "kubelet", "kubectl", *COMPONENTS, "pause")
    wanted = [directory / name for name in kubernetes]
    wanted += [ETCD / name for name in ("etcd", "etcdctl", "etcdutl")]
    missing = [path for path in wanted if not path.is_file()]
    if missing:
        lines = "\n".join(f"  {path}" for path in missing)
        raise LabError(
            f"{len(missing)} of {len(wanted)} binaries of a real Kubernetes are missing:\n{lines}\n"
            "Add them, or set KBOOTSTRAP_E2E=standin to use the stand-in."
        )


@dataclass(frozen=True)
class Result:
    """One run of kbootstrap."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON lines of ``--output json``."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    @property
    def plan(self) -> list[tuple[str, str, str]]:
        """(node, phase, text) of the changes in the plan that was printed as JSON."""
        return [
            (event["node"], event["phase"], action["text"])
            for event in self.events
            if event["event"] == "plan"
            for action in event["actions"]
            if not action["waits"]
        ]

    @property
    def actions(self) -> list[tuple[str, str, str]]:
        """(node, phase, text) of the changes that were carried out."""
        return [
            (event["node"], event["phase"], event["text"])
            for event in self.events
            if event["event"] == "action" and not event["text"].startswith(NO_CHANGE)
        ]

    def errors(self) -> list[dict[str, Any]]:
        """The error events."""
        return [event for event in self.events if event["event"] == "error"]


def run_forked(argv: Sequence[str], env: Mapping[str, str], seconds: float) -> Result:
    """One run to its end."""
    start = time.monotonic()
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        run = Forked(argv, env, stdout=out, stderr=err)
        try:
            status = run.wait(seconds)
        finally:
            run.kill()
        out.seek(0)
        err.seek(0)
        return Result(status, out.read(), err.read(), time.monotonic() - start)


@dataclass
class Site:
    """One lab, one inventory, one kind of binaries."""

    lab: Lab
    kind: str  # "real" or "standin"
    folder: Path
    programs: Path
    repository: str
    control_planes: int = 1
    extra: dict[str, Any] = field(default_factory=dict)
    version: str = VERSION

    @property
    def name(self) -> str:
        return self.lab.name

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yaml"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / f"{self.name}.kubeconfig"

    def node(self, name: str) -> Node:
        return self.lab.node(name)

    def write_inventory(self, nodes: Sequence[Node] | None = None, **over: Any) -> Path:
        """Write the inventory for these nodes; ``over`` is merged over it."""
        chosen = list(self.lab.nodes if nodes is None else nodes)
        data = merged(merged(self._base(chosen), self.extra), over)
        return self.save(data)

    def save(self, data: dict[str, Any]) -> Path:
        """Write the inventory as it is given."""
        self.inventory.write_text(yaml.safe_dump(data, sort_keys=False))
        return self.inventory

    def inventory_data(self) -> dict[str, Any]:
        """What the inventory holds now."""
        data: dict[str, Any] = yaml.safe_load(self.inventory.read_text())
        return data

    @contextmanager
    def with_node(self, name: str, /, **fields: Any) -> Iterator[None]:
        """The inventory with these fields for one node."""
        self.write_inventory()
        data = self.inventory_data()
        next(node for node in data["nodes"] if node["name"] == name).update(fields)
        self.save(data)
        try:
            yield
        finally:
            self.write_inventory()

    def _base(self, nodes: list[Node]) -> dict[str, Any]:
        registry = self.repository.split("/")[0]
        leaders = {node.name for node in self.lab.nodes[: self.control_planes]}
        return {
            "cluster": {"name": self.name},
            "kubernetes": {"version": self.version},
            "defaults": {
                "ssh": {"user": "root", "key": str(self.lab.key)},
                "ignore_preflight": ["SystemVerification"],
            },
            "nodes": [
                {
                    "name": node.name,
                    "address": node.address,
                    "role": "control-plane" if node.name in leaders else "worker",
                }
                for node in nodes
            ],
            "api": {
                "endpoint": f"{self.lab.nodes[0].address}:6443",
                "cert_sans": ["api.example.test"],
            },
            "network": {"pod_cidr": "10.244.0.0/16", "service_cidr": "10.96.0.0/12"},
            "registry": {
                "image_repository": self.repository,
                "mirrors": [
                    {"host": registry, "endpoints": [f"http://{registry}"], "insecure": True}
                ],
            },
            "runtime": {
                "type": "containerd",
                "settings": {
                    "plugins": {"io.containerd.grpc.v1.cri": {"restrict_oom_score_adj": True}}
                },
            },
            "etcd": {"image_tag": ETCD_TAG},
            "kubelet": {"failCgroupV1": False},
            "kube_proxy": {"conntrack": {"maxPerCore": 0}},
            "addons": {"dns": False},
            "cni": {"type": "bridge"},
            "programs": {
                "source": "folder",
                "folder": str(self.programs),
                "cni_plugins_folder": "/usr/lib/cni",
            },
        }

    def command(self, *words: str, known_hosts: Path | None = None) -> list[str]:
        """The argv of one kbootstrap run against this site; `up` asks nothing."""
        return [
            sys.executable,
            "-m",
            "tests.e2e.checked",
            *words,
            *(("--yes",) if words[0] == "up" else ()),
            "-i",
            str(self.inventory),
            "--known-hosts",
            str(known_hosts or self.lab.known_hosts()),
            "--output",
            "json",
        ]

    def environment(self) -> dict[str, str]:
        """Its journal and caches stay in the site's directory."""
        return os.environ | {
            "XDG_STATE_HOME": str(self.folder / "state"),
            RECORD: str(self.effects),
        }

    @property
    def effects(self) -> Path:
        """What the runs' actions said they do, compared with what the nodes then said."""
        return self.folder / "effects.jsonl"

    def wrong_effects(self) -> list[str]:
        """What the runs so far said of their actions and the nodes did not."""
        return wrong_effects(self.effects, self.kind)

    def run(self, *words: str, seconds: float = 600, known_hosts: Path | None = None) -> Result:
        """Run kbootstrap to its end."""
        argv = self.command(*words, known_hosts=known_hosts)
        result = run_forked(argv, self.environment(), seconds)
        assert self.wrong_effects() == []
        return result

    def start(self, *words: str) -> Forked:
        """Start kbootstrap, to be killed on the way."""
        return Forked(self.command(*words), self.environment())

    def ok(self, *words: str) -> Result:
        """Run kbootstrap and expect it to do well."""
        result = self.run(*words)
        assert result.status == 0, f"{words}: {result.status}\n{result.out[-6000:]}{result.err}"
        return result

    def kubectl(self, *words: str) -> str:
        """Run kubectl on the first node, with its admin.conf."""
        config = ["--kubeconfig", "/etc/kubernetes/admin.conf"]
        return self.lab.nodes[0].exec(["env", "HOME=/tmp", "kubectl", *config, *words]).stdout

    def etcd_members(self) -> set[str]:
        """The names of etcd's members, asked of the first control plane's."""
        pki = "/etc/kubernetes/pki/etcd"
        answer = self.lab.nodes[0].exec(
            f"curl -s --cacert {pki}/ca.crt --cert {pki}/healthcheck-client.crt "
            f"--key {pki}/healthcheck-client.key -X POST -d '{{}}' "
            "https://127.0.0.1:2379/v3/cluster/member/list"
        )
        return {member["name"] for member in json.loads(answer.stdout)["members"]}

    def ready_nodes(self) -> dict[str, bool]:
        """Node name -> Ready, as the API says."""
        items = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        return {
            item["metadata"]["name"]: any(
                c["type"] == "Ready" and c["status"] == "True" for c in item["status"]["conditions"]
            )
            for item in items
        }

    def unknown(self) -> list[str]:
        """What the stand-in was asked on a node and does not know (tests/standin/unknown.py)."""
        return [
            f"{node.name}: {line}"
            for node in self.lab.nodes
            if node.pid  # a test may end with nodes that are off
            for line in node.exec(["cat", str(unknown.RECORD)], check=False).stdout.splitlines()
        ]

    def leftovers(self) -> list[str]:
        """Bootstrap tokens and uploaded certificates in kube-system."""
        items = json.loads(self.kubectl("-n", "kube-system", "get", "secrets", "-o", "json"))
        return [
            item["metadata"]["name"]
            for item in items["items"]
            if item["type"] == "bootstrap.kubernetes.io/token"
            or item["metadata"]["name"] == "kubeadm-certs"
        ]

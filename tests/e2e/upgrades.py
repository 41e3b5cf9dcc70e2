"""What the scenarios of an upgrade share: binaries of several releases, a workload, counts."""

import json
from collections import Counter
from collections.abc import Callable

from tests.e2e.prefork import Forked
from tests.e2e.site import Site
from tests.lab.node import Node
from tests.lab.registry import KUBERNETES
from tests.lab.shell import wait_until
from tests.standin.build import build

SECONDS = 1800  # real static pods take their time on a busy host

WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
        - {name: web, image: IMAGE, ports: [{containerPort: 8080, hostPort: 8080}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: default}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: web}}
"""


def offer(site: Site, *versions: str) -> None:
    """A directory of binaries for each release, named in the inventory by ``{version}``."""
    folder = KUBERNETES
    if site.kind == "standin":
        folder = site.folder / "releases"
        for version in versions:
            build(version, folder / version)
    for version in versions:
        if site.kind == "standin":
            site.lab.registry.push_standin(version)
        else:
            site.lab.registry.push_kubernetes(KUBERNETES / version, version)
    site.extra = {"programs": {"folder": f"{folder}/{{version}}"}}
    site.write_inventory()


def run_workload(site: Site, image: str) -> None:
    """Two pods that may not both be away."""
    text = WORKLOAD.replace("IMAGE", image)
    site.lab.nodes[0].exec(f"cat >/root/workload.yaml <<'END'\n{text}END\n")
    site.kubectl("apply", "-f", "/root/workload.yaml")
    wait_until("the workload runs", lambda: available(site) == 2, timeout=180, every=1)


def available(site: Site) -> int:
    """Pods of the workload that serve."""
    found = json.loads(site.kubectl("get", "deployment", "web", "-o", "json"))
    return int(found["status"].get("availableReplicas", 0))


def kill_when(site: Site, words: list[str], happens: Callable[[], bool]) -> None:
    """Start kbootstrap and kill -9 it as soon as something happens."""
    process = site.start(*words)
    try:
        wait_until(f"{words} is at it", lambda: happens() or ended(process), timeout=SECONDS)
        assert process.poll() is None, process.communicate()[0][-4000:]
    finally:
        process.kill()
        process.communicate()


def ended(process: Forked) -> bool:
    """Whether it is over."""
    return process.poll() is not None


def runs(node: Node, words: str) -> bool:
    """Whether such a command line is alive on a node."""
    return node.exec(["pgrep", "-f", words], check=False).returncode == 0


def actions_of_all_runs(site: Site, text: str) -> Counter[str]:
    """Node -> how often an action was begun there, by the journals, killed runs included."""
    found: Counter[str] = Counter()
    for path in (site.folder / "state" / "kbootstrap" / site.name).glob("*.jsonl"):
        for line in path.read_text().splitlines():
            record = json.loads(line) if line.endswith("}") else {}
            if record.get("event") == "action" and record["text"] == text:
                found[record["node"]] += 1
    return found


def started(node: Node, run: str) -> int:
    """How often a detached run was started, by the node's own journal."""
    pipe = f"journalctl --no-pager -q -o cat -u kbootstrap-{run} | grep -c '^Started ' || true"
    return int(node.exec(pipe).stdout.strip() or 0)


def versions(site: Site) -> dict[str, str]:
    """Node -> version of the kubelet that runs."""
    items = json.loads(site.kubectl("get", "nodes", "-o", "json"))["items"]
    return {i["metadata"]["name"]: i["status"]["nodeInfo"]["kubeletVersion"] for i in items}


def cordoned(site: Site) -> set[str]:
    """Nodes that take no pods."""
    items = json.loads(site.kubectl("get", "nodes", "-o", "json"))["items"]
    return {i["metadata"]["name"] for i in items if i["spec"].get("unschedulable")}


def static_pods(node: Node) -> set[str]:
    """Versions in a control plane's manifests, etcd's aside."""
    lines = node.exec("grep -h image: /etc/kubernetes/manifests/kube-*.yaml").stdout.splitlines()
    return {line.rpartition(":")[2].strip() for line in lines}

"""What must hold once the same command has ended well, whatever happened on the way."""

import json
import re
import time
from collections.abc import Collection, Iterator
from contextlib import suppress

from kbootstrap.lock.record import RENEW, TTL
from tests.faults.bench import Bench
from tests.faults.points import NEXT, Stage
from tests.lab.node import Node
from tests.lab.shell import LabError, wait_until

NOTHING_TO_DO = 3
CANARY = "canary"
# Written and renamed by kbootstrap; none may be left anywhere, nor kubeadm's dry-run directories.
# In its copies of etcd's data lie such files of etcd's own.
LITTER = (
    "find /etc /usr/local/bin /opt/cni /var/lib/kbootstrap -xdev "
    "-not -path '*/kubeadm-backup-etcd-*' "
    "\\( -name '.kb.*' -o -name '*.new' -o -name '*.tmp' \\) 2>/dev/null; "
    "ls -d /etc/kubernetes/tmp/*dryrun* 2>/dev/null; "
    "find /run/kbootstrap -mindepth 1 2>/dev/null"
)
MEMBERS = (
    "p=/etc/kubernetes/pki/etcd; curl -sm 10 --cacert $p/ca.crt --cert $p/healthcheck-client.crt "
    "--key $p/healthcheck-client.key -X POST -d '{}' https://127.0.0.1:2379/v3/cluster/member/list"
)
SECRET = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b|PRIVATE KEY")
# What must happen once; pulling images first looks at what is there.
RUNS = ("init", "join", "reset", "etcd-snapshot", f"upgrade-{NEXT}")


class Starts:
    """How often detached commands were started on each node, by the nodes' own journals."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._before = self._count()

    def _count(self) -> dict[tuple[str, str], int]:
        return {
            (node.name, name): _started(node, name)
            for node in self._bench.site.lab.nodes
            for name in RUNS
        }

    def more_than_once(self, allowed: int) -> list[str]:
        """Those started more often than once, and once more for each fault that may fail one."""
        now = self._count()
        return [
            f"{name} was started {count} times on {node}"
            for (node, name), total in now.items()
            if (count := total - self._before[node, name]) > 1 + allowed
        ]


def _started(node: Node, name: str) -> int:
    said = node.exec(
        f"journalctl --no-pager -q -o cat -u kbootstrap-{name} | grep -c '^Started ' || true"
    )
    return int(said.stdout.strip() or 0)


def plant_canary(bench: Bench) -> None:
    """Something of the users', which must survive all faults of this cluster."""
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CANARY, "namespace": "default"},
    }
    words = "kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f -"
    bench.site.lab.nodes[0].exec(["sh", "-c", words], stdin=json.dumps(manifest))


def broken(bench: Bench, stage: Stage, *, planted: bool) -> list[str]:
    """Everything that is not as if nothing had happened."""
    try:
        return _broken(bench, stage, planted=planted)
    except LabError as error:
        return [f"the cluster cannot be looked at: {error}"]


def _broken(bench: Bench, stage: Stage, *, planted: bool) -> list[str]:
    found = [*_nodes_are_clean(bench), *_desk_is_clean(bench)]
    if not stage.members:
        return [*found, *_gone(bench, stage.nodes)]
    gone = {node.name for node in bench.site.lab.nodes} - set(stage.members)
    found += [*_cluster(bench, stage), *_gone(bench, gone)]
    if planted and CANARY not in bench.site.kubectl("-n", "default", "get", "configmaps"):
        found.append("the canary is gone: something was destroyed")
    if stage.verb != "reset":
        again = bench.run((*stage.arguments, "--exit-code"))
        if again.status != NOTHING_TO_DO:
            texts = [f"{n} {p}: {t}" for n, p, t in again.plan]
            found.append(f"there was still something to do ({again.status}): {texts}")
    return found


def _cluster(bench: Bench, stage: Stage) -> Iterator[str]:
    def well() -> bool:
        ready = bench.site.ready_nodes()
        return stage.verb == "reset" or all(ready[name] for name in stage.nodes if name in ready)

    with suppress(LabError):  # an API that was away makes all nodes NotReady for a moment
        wait_until("all are Ready", well, timeout=20, every=1)
    items = json.loads(bench.site.kubectl("get", "nodes", "-o", "json"))["items"]
    ready = bench.site.ready_nodes()
    if set(ready) != set(stage.members):
        yield f"the Node list is {sorted(ready)}"
    if not well():
        yield f"not Ready: {[name for name, is_ready in ready.items() if not is_ready]}"
    cordoned = [i["metadata"]["name"] for i in items if i["spec"].get("unschedulable")]
    if cordoned:
        yield f"left cordoned: {cordoned}"
    if left := bench.site.leftovers():
        yield f"left in kube-system: {left}"
    answer = json.loads(bench.site.lab.nodes[0].exec(MEMBERS).stdout)["members"]
    members = sorted(member.get("name", "") for member in answer)
    leaders = sorted({n.name for n in bench.cluster.control_planes} & set(stage.members))
    if _lease_is_renewed(bench):
        yield "the Lease kube-system/kbootstrap is still renewed"
    if members != leaders:
        yield f"the etcd members are {members}, not {leaders}"


def _lease_is_renewed(bench: Bench) -> bool:
    """Asked twice, if it is there, with time between for one renewal."""

    def renewed() -> str:
        said = bench.site.kubectl("-n", "kube-system", "get", "leases", "-o", "json")
        found = [i for i in json.loads(said)["items"] if i["metadata"]["name"] == "kbootstrap"]
        return str(found[0]["spec"].get("renewTime", "")) if found else ""

    before = renewed()
    if not before:
        return False
    time.sleep(RENEW + 2)
    return renewed() not in {"", before}


def _nodes_are_clean(bench: Bench) -> Iterator[str]:
    for node in bench.site.lab.nodes:
        left = node.exec(LITTER, check=False).stdout.split()
        if left:
            yield f"left on {node.name}: {left}"
        if not _runs_out(node):
            yield f"the lock on {node.name} is still held"


def _runs_out(node: Node) -> bool:
    """No record is there, or no run renews it: it is left where a node could not be reached."""

    def free() -> bool:
        words = f"find /run/kbootstrap.lock -newermt '-{TTL} seconds' 2>/dev/null"
        return not node.exec(words, check=False).stdout.strip()

    try:
        return wait_until("the lock runs out", free, timeout=2 * TTL, every=1)
    except LabError:
        return False


def _gone(bench: Bench, names: Collection[str]) -> Iterator[str]:
    """Nothing of a cluster is on a node that has left."""
    look = (
        "ls -d /etc/kubernetes /var/lib/kbootstrap /var/lib/etcd/member /var/lib/kubelet/pki "
        "2>/dev/null; pgrep -l 'kubelet|kube-apiserver' || true"
    )
    for name in names:
        if left := bench.site.node(name).exec(look, check=False).stdout.split():
            yield f"left on {name} after it was reset: {left}"


def _desk_is_clean(bench: Bench) -> Iterator[str]:
    for path in bench.desk.rglob("*"):
        if path.is_file() and path.name.startswith(f".{bench.site.kubeconfig.name}."):
            yield f"left at the operator: {path}"
        if path.suffix == ".jsonl" and SECRET.search(path.read_text(errors="replace")):
            yield f"a secret stands in {path}"

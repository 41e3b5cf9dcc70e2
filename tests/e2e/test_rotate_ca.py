"""`certs rotate-ca`: all CAs are replaced while the cluster serves; killed at every stage.

A client asks the API through the balancer all the time. Afterwards no certificate and no file has
anything of the old CAs, `up` has nothing to do, a node joins, and the old login is refused.
"""

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest
import yaml

from kbootstrap import pki
from tests.e2e.balancer import Asker, Balancer, asks
from tests.e2e.expired import forget_rotation
from tests.e2e.site import Result, Site
from tests.e2e.upgrades import SECONDS, kill_when
from tests.lab.node import Node
from tests.lab.shell import wait_until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(3600),
    pytest.mark.usefixtures("as_root"),
]
PORT = 16447
ROTATE = ["certs", "rotate-ca", "--yes"]
CAS = ("ca", "front-proxy-ca", "etcd/ca")
DIRECTORY = "etc/kubernetes/pki"


@pytest.fixture(scope="module")
def planes(request: pytest.FixtureRequest) -> int:
    """Two control planes; with all cases three, of which one may be away."""
    return 3 if request.config.getoption("--all-cases") else 2


@pytest.fixture(scope="module")
def site(kind: str, planes: int, make_site: Callable[..., Site]) -> Iterator[Site]:
    """Control planes behind a balancer, workers, and one node that has not joined."""
    site = make_site(f"rotate{kind[0]}", 2 * planes, control_planes=planes)
    servers = [(node.address, 6443) for node in site.lab.nodes[:planes]]
    with Balancer(site.lab.network.gateway, PORT, servers) as balancer:
        site.extra = {"api": {"endpoint": balancer.endpoint}}
        write(site, members(site))
        site.ok("up")
        yield site


def members(site: Site) -> list[Node]:
    """All nodes but the last one."""
    return site.lab.nodes[:-1]


def write(site: Site, nodes: list[Node], ca_hash: str = "") -> None:
    cluster = {"cluster": {"ca_hash": ca_hash}} if ca_hash else {}
    site.write_inventory(nodes, **cluster)


def text(node: Node, path: str) -> str:
    file = node.root / path
    return file.read_text() if file.exists() else ""


def authorities(node: Node) -> dict[str, str]:
    """The CA files of a node."""
    found = {name: text(node, f"{DIRECTORY}/{name}.crt") for name in CAS}
    return {name: pem for name, pem in found.items() if pem}


def trusted(site: Site) -> dict[str, list[int]]:
    """Node -> how many CAs are in each of its files."""
    return {
        node.name: [pem.count("BEGIN CERT") for pem in authorities(node).values()]
        for node in members(site)
    }


def kubelet_certificate(node: Node) -> str:
    """The file that the kubelet's link names; empty while there is no link."""
    link = "/var/lib/kubelet/pki/kubelet-client-current.pem"
    return str(node.exec(["readlink", link], check=False).stdout)


def everything(node: Node) -> str:
    """The CAs in all files and kubeconfigs of a node, as they are there."""
    words = "cat /etc/kubernetes/*.conf $(find /etc/kubernetes/pki -name '*.crt' -o -name '*.key')"
    return str(node.exec(words).stdout)


def login(site: Site, config: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask the API with a kubeconfig that an operator has."""
    first = site.node("node1")
    (first.root / "root/login.conf").write_text(config)
    command = ["kubectl", "--kubeconfig", "/root/login.conf", "--request-timeout=10s"]
    return first.exec(["env", "HOME=/tmp", *command, *words], check=False)


def asking(site: Site) -> Asker:
    return Asker(lambda: asks(site.lab.network.gateway, PORT, "/readyz", tls=True) == 200)


def phases(result: Result) -> list[str]:
    return list(dict.fromkeys(phase for _, phase, _ in result.plan))


def test_the_plan_is_shown_and_asked_for(site: Site) -> None:
    before = {node.name: everything(node) for node in members(site)}

    planned = site.run(*ROTATE, "--dry-run", "--exit-code")

    assert planned.status == 4, planned.out[-3000:] + planned.err
    assert {node for node, _, _ in planned.plan} == {node.name for node in members(site)}
    order = phases(planned)
    assert order.index("ca-trust") < order.index("ca-sign") < order.index("ca-drop")
    assert site.run("certs", "rotate-ca").status == 7  # not confirmed
    assert site.run("certs", "rotate-ca", "--limit", "node1").errors()[0]["code"] == "KB447"
    assert {node.name: everything(node) for node in members(site)} == before


def test_a_member_that_is_off_or_not_in_the_inventory_stops_it(site: Site) -> None:
    last = members(site)[-1]
    before = {node.name: everything(node) for node in members(site)}
    last.cut()
    try:
        away = site.run(*ROTATE)
    finally:
        last.reconnect()
    write(site, members(site)[:-1])
    missing = site.run(*ROTATE)
    write(site, site.lab.nodes)
    added = site.run(*ROTATE)
    write(site, members(site))

    assert away.status == 5
    assert {error["node"] for error in away.errors()} == {last.name}
    assert {(e["code"], e["node"]) for e in missing.errors()} == {("KB447", last.name)}
    assert {(e["code"], e["node"]) for e in added.errors()} == {("KB447", site.lab.nodes[-1].name)}
    assert {node.name: everything(node) for node in members(site)} == before


def test_killed_at_every_stage_and_continued(site: Site, planes: int) -> None:
    """The inventory names the CA, as it was: the command finds its cluster all the time."""
    first, worker, last = site.node("node1"), members(site)[-1], site.lab.nodes[planes - 1]
    old = authorities(first)
    write(site, members(site), pki.ca_hash(old["ca"]))
    known, operator = everything(first), site.kubeconfig.read_text()
    certificate = kubelet_certificate(worker)
    stops: dict[str, Callable[[], bool]] = {
        "the new CAs are made": lambda: text(first, f"{DIRECTORY}/rotation/new/ca.key") != "",
        "the first trusts both": lambda: trusted(site)["node1"] == [2, 2, 2],
        "a worker trusts both": lambda: trusted(site)[worker.name] == [2],
        "the first signs": lambda: text(first, f"{DIRECTORY}/ca.key") not in known,
        "the last one signs": lambda: text(last, f"{DIRECTORY}/ca.key") not in known,
        "a kubelet requests": lambda: kubelet_certificate(worker) != certificate,
        "a worker drops": lambda: trusted(site)[worker.name] == [1],
        "the first drops": lambda: trusted(site)["node1"] == [1, 1, 1],
    }
    failed: list[str] = []
    with asking(site) as client:
        for name, happens in stops.items():
            kill_when(site, ROTATE, happens)
            state = site.run("status")
            if {error["code"] for error in state.errors()} & {"KB401", "KB330", "KB404"}:
                failed.append(f"{name}: {state.errors()}")
            refused = {error["code"] for error in site.run("up").errors()}
            if "KB446" not in refused:
                failed.append(f"{name}: up: {refused}")
        result = site.run(*ROTATE, seconds=SECONDS)

    assert result.status == 0, result.out[-6000:] + result.err

    print(
        f"\n{site.kind}, {planes} control planes: killed {len(stops)} times, the rest in"
        f" {result.seconds:.1f} s: {len(client.failed)} of {client.asked} requests failed, longest"
        f" {client.longest:.1f} s"
    )
    assert failed == []
    new = authorities(first)
    assert new.keys() == old.keys()
    assert not set(new.values()) & set(old.values())
    assert len(client.failed) <= client.asked // 20
    finished(site, new)
    assert login(site, operator, "get", "nodes").returncode != 0
    assert login(site, site.kubeconfig.read_text(), "get", "nodes").returncode == 0
    pinned = f"cluster.ca_hash to {pki.ca_hash(new['ca'])}"
    assert any(pinned in event.get("text", "") for event in result.events)


def finished(site: Site, new: dict[str, str]) -> None:
    """Every node, object and file has the new CAs only."""
    for node in members(site):
        have = authorities(node)
        assert have == {name: pem for name, pem in new.items() if name in have}
        assert not (node.root / f"{DIRECTORY}/rotation").exists()
        record = text(node, "var/lib/kbootstrap/cluster").splitlines()
        assert record[1] == pki.ca_hash(new["ca"])
        for conf in (node.root / "etc/kubernetes").glob("*.conf"):
            assert conf_ca(conf.read_text()) == new["ca"], conf
    assert conf_ca(site.kubeconfig.read_text()) == new["ca"]
    assert conf_ca(object_of(site, "kube-public", "cluster-info")["kubeconfig"]) == new["ca"]
    assert object_of(site, "kube-system", "kube-root-ca.crt")["ca.crt"] == new["ca"]
    assert site.ready_nodes() == dict.fromkeys((node.name for node in members(site)), True)
    assert site.leftovers() == []


def conf_ca(config: str) -> str:
    return pem_of(yaml.safe_load(config)["clusters"][0]["cluster"]["certificate-authority-data"])


def pem_of(encoded: str) -> str:
    import base64  # noqa: PLC0415

    return base64.b64decode(encoded).decode()


def object_of(site: Site, namespace: str, name: str) -> dict[str, str]:
    found = json.loads(site.kubectl("-n", namespace, "get", "configmap", name, "-o", "json"))
    data: dict[str, str] = found["data"]
    return data


def test_another_ca_in_the_inventory_is_refused(site: Site) -> None:
    """It still has the old one; the same that `certs rotate-ca` said to write makes it right."""
    refused = site.run("up")
    assert {error["code"] for error in refused.errors()} == {"KB401"}
    assert "certs rotate-ca" in refused.errors()[0]["message"]
    write(site, members(site), pki.ca_hash(authorities(site.node("node1"))["ca"]))


def test_a_second_run_has_nothing_to_do_and_neither_has_up(site: Site) -> None:
    again = site.run(*ROTATE, "--exit-code")
    assert again.status == 3, again.plan
    assert any("less than a day ago" in event.get("text", "") for event in again.events)
    up = site.run("up", "--exit-code")
    assert (up.status, up.actions) == (3, []), up.out[-3000:] + up.err
    status = site.run("status")
    assert status.status == 0, status.out[-3000:] + status.err


def test_a_node_joins_and_another_one_leaves(site: Site, planes: int) -> None:
    spare, leaver = site.lab.nodes[-1], members(site)[-1]
    new = authorities(site.node("node1"))
    write(site, site.lab.nodes, pki.ca_hash(new["ca"]))
    site.ok("join", spare.name)
    assert authorities(spare) == {"ca": new["ca"]}
    site.ok("reset", leaver.name, "--yes")
    site.ok("join", leaver.name)
    plane = site.lab.nodes[planes - 1].name
    site.ok("reset", plane, "--yes")
    site.ok("join", plane)
    assert authorities(site.node(plane)) == new
    assert site.ready_nodes() == dict.fromkeys((node.name for node in site.lab.nodes), True)
    site.ok("reset", spare.name, "--yes")


ASKER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: asker, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: asker}}
  template:
    metadata: {labels: {app: asker}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations: [{operator: Exists}]
      volumes: [{name: out, hostPath: {path: /var/log/asker, type: DirectoryOrCreate}}]
      containers:
        - name: asker
          image: IMAGE
          command:
            - /bin/sh
            - -c
            - |
              while :; do
                if said=$(timeout 5 /kubectl auth whoami 2>&1); then said=ok; fi
                echo "$(date +%s) $said" | tr '\\n' ' ' >>/out/log; echo >>/out/log
                sleep 0.5
              done
          volumeMounts: [{name: out, mountPath: /out}]
"""


def run_asker(site: Site) -> None:
    """A pod that logs in with its service account twice a second; real nodes run it."""
    kubectl = site.programs / "kubectl"
    image = site.lab.registry.push_program("asker", "1", {"/kubectl": kubectl}, on_debian=True)
    text = ASKER.replace("IMAGE", image)
    site.lab.nodes[0].exec(f"cat >/root/asker.yaml <<'END'\n{text}\nEND\n")
    site.kubectl("apply", "-f", "/root/asker.yaml")
    wait_until("the pod asks", lambda: len(said(site)) > 5, timeout=180, every=1)


def said(site: Site) -> list[str]:
    """What the pod wrote, on whatever node it ran."""
    words = ["sh", "-c", "cat /var/log/asker/log 2>/dev/null || :"]
    return [line for node in members(site) for line in node.exec(words).stdout.splitlines()]


@pytest.mark.all_cases  # the same steps as above, in one run: how long it takes, what fails
def test_in_one_run_with_a_workload(site: Site, kind: str, planes: int) -> None:
    write(site, members(site))
    old = authorities(site.node("node1"))
    forget_rotation(site.node("node1"))
    if kind == "real":
        run_asker(site)

    with asking(site) as client:
        result = site.run(*ROTATE, seconds=SECONDS)

    assert result.status == 0, result.out[-6000:] + result.err
    steps = [(e["node"], e["phase"], e["seconds"]) for e in result.events if e.get("seconds")]
    workers = len(members(site)) - planes
    print(
        f"\n{site.kind}, {planes} control planes, {workers} workers, in one run:"
        f" {result.seconds:.1f} s, {len(client.failed)} of {client.asked} requests failed, longest"
        f" {client.longest:.1f} s"
    )
    print("\n".join(f"  {node} {phase} {seconds:.1f}" for node, phase, seconds in steps))
    new = authorities(site.node("node1"))
    assert not set(new.values()) & set(old.values())
    finished(site, new)
    if kind == "real":
        lines = said(site)
        wrong = [line for line in lines if not line.rstrip().endswith("ok")]
        print(f"the pod: {len(wrong)} of {len(lines)} requests failed: {wrong[:5]}")
        assert len(wrong) <= len(lines) // 20
    assert site.run("up", "--exit-code").status == 3

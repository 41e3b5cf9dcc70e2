"""Every key of the inventory, changed on a running cluster: applied, refused or reported.

The keys come from the inventory's own models, so a new key is tried unasked, and fails until
`CHANGES` says what to change it to. Never silent, never another phase's destructive step; and
put back, the cluster is as it was. Keys that do not refuse each other are changed in one `up`, with
``--all-cases`` each in one of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from kbootstrap.model.document import merged
from tests.e2e.site import Result, Site
from tests.inventory_keys import keys
from tests.lab.registry import ETCD_DEFAULT, PAUSE
from tests.standin.kubelet.proxy import LOADED as KUBE_PROXY

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]


# How kbootstrap works, not what the cluster is: nothing of these runs anywhere.
OURS = (
    *("defaults.", "groups.", "nodes.ssh.", "nodes.groups", "nodes.ignore_preflight"),
    *("kubeadm.timeouts.", "kubeadm.ignore_preflight", "kubeadm.skip_phases", "token.ttl"),
    *("programs.source", "programs.base_url", "programs.folder", "programs.crictl_url"),
    *("programs.cni_plugins_url", "programs.cni_plugins_folder"),
    *("programs.insecure", "cni.insecure"),
)
KEYS = [key for key in keys() if not key.startswith(OURS)]

FILES = "/etc/kb-test"
MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: net, namespace: kube-system}\n"
EXTERNAL = {
    "endpoints": ["https://etcd.example.test:2379"],
    "ca_file": "/etc/e/ca",
    "cert_file": "/etc/e/crt",
    "key_file": "/etc/e/key",
}
ELSEWHERE = {"etcd": {"external": EXTERNAL, "image_tag": None}}
MIRROR = {"endpoints": ["http://a.example.test"], "insecure": True}
CERTS = "/etc/containerd/certs.d"
REPOSITORY = "mirror.example.test/k8s"
FREE = "FREE"  # stands for an address of the lab's network that no node has
PAUSE_IMAGE = "PAUSE"  # stands for the pause image of that repository
OTHER = "OTHER"  # stands for another repository of the lab's registry, with the same images


@dataclass(frozen=True)
class Change:
    """What a key becomes, and what has to come of it.

    Attributes:
        value: the new value.
        node: whose key it is, for keys of nodes; where `seen` runs, for others.
        seen: a command and what it prints once the change is applied.
        code: the error of a change that is refused.
        key: the key that the report or the refusal names, if it is another one.
        beside: keys changed with it; None takes one out.
        alone: what it says about other keys is lost if they change too.

    """

    value: Any
    node: str = "node2"
    seen: tuple[str, str] | None = None
    code: str = ""
    key: str = ""
    beside: dict[str, Any] = field(default_factory=dict)
    alone: bool = False


def mirror(name: str, **changes: Any) -> Change:
    """The whole list, with one mirror more."""
    words = str(next(iter(changes.values()), MIRROR["endpoints"])).strip("[]'")
    host = f"{name}.example.test"
    changed = MIRROR | {"host": host} | changes
    return Change([changed], seen=(f"cat {CERTS}/{host}/hosts.toml", words))


def file(name: str, ask: str, seen: str, **fields: Any) -> Change:
    """The whole list, with one file more; ``ask`` is a command about it."""
    path = f"{FILES}/{name}"
    content = {} if "source" in fields else {"content": "one\n"}
    return Change([{"path": path, **content, **fields}], seen=(f"{ask} {path}", seen))


FIXED = "KB440"
SILENT = "KB347"


def plane(value: Any, ask: str, seen: str) -> Change:
    """A setting of the control plane; ``ask`` is a command on its node."""
    return Change(value, node="node1", seen=(ask, seen))


def absent(kind: str, name: str) -> tuple[str, str]:
    """The command that shows that no object of kube-system has this name."""
    return f"kubectl -n kube-system get {kind} -o name | grep -c {name} || true", "0"


STORED = "kubectl -n kube-system get configmap kubeadm-config -o yaml"
ADMIN = "HOME=/tmp KUBECONFIG=/etc/kubernetes/admin.conf "
# the command line of the running kubelet
KUBELET = "tr '\\0' ' ' </proc/$(systemctl show -p MainPID --value kubelet)/cmdline"
CHANGES: dict[str, Change] = {
    "cluster.name": Change("other", code="KB401"),
    "cluster.ca_hash": Change(f"sha256:{'ab' * 32}", code="KB401"),
    "kubernetes.version": Change("v1.34.9", code="KB420"),
    "nodes.name": Change("node9", code=FIXED),
    "nodes.address": Change(FREE, code="KB201"),
    "nodes.advertise_address": Change(FREE, code=FIXED),
    "nodes.second_address": Change("2001:db8::12", code="KB100"),  # one family here
    "nodes.role": Change("control-plane", code=FIXED),
    "nodes.roles": Change(["control-plane"], code=FIXED, key="role", beside={"role": None}),
    "nodes.labels": Change({"disk": "ssd"}, seen=("kubectl get node node2 -o yaml", "disk: ssd")),
    "nodes.taints": Change(["a=b:NoSchedule"], seen=("kubectl get node node2 -o yaml", "key: a")),
    "nodes.kubelet_args": Change({"v": "4"}, seen=(KUBELET, "--v=4")),
    "api.endpoint": Change("api.example.test:6443", code=SILENT),  # test_endpoint.py moves it
    "api.bind_port": Change(7443, code=FIXED),
    "api.cert_sans": plane(
        ["other.example.test"],
        "openssl x509 -in /etc/kubernetes/pki/apiserver.crt -noout -text",
        "other.example.test",
    ),
    "network.pod_cidr": Change("10.200.0.0/16", code=FIXED),
    "network.service_cidr": Change("10.97.0.0/16", code=FIXED),
    "network.dns_domain": Change("example.test", code=FIXED),
    "registry.image_repository": plane(
        OTHER, "kubectl -n kube-system get daemonset kube-proxy -o yaml", "/other/kube-proxy:"
    ),
    "registry.etcd": plane(OTHER, "cat /etc/kubernetes/manifests/etcd.yaml", "/other/etcd:"),
    "registry.dns": Change(REPOSITORY),
    "registry.dns_tag": Change("v9"),
    "registry.pause": Change(PAUSE_IMAGE, seen=("containerd config dump", "/other/pause:")),
    "registry.mirrors.host": mirror("host"),
    "registry.mirrors.endpoints": mirror("endpoints", endpoints=["http://b.example.test"]),
    "registry.mirrors.insecure": mirror("insecure", endpoints=["https://b.example.test"]),
    "registry.mirrors.ca_file": mirror("ca", ca_file="/etc/ssl/site.pem"),
    "runtime.type": Change("cri-o", code=FIXED),
    "runtime.settings": Change(
        {"plugins": {"io.containerd.grpc.v1.cri": {"max_concurrent_downloads": 5}}},
        seen=("containerd config dump", "max_concurrent_downloads = 5"),
    ),
    "etcd.image_tag": plane(
        ETCD_DEFAULT, "cat /etc/kubernetes/manifests/etcd.yaml", f"/etcd:{ETCD_DEFAULT}"
    ),
    "etcd.data_dir": Change("/srv/etcd", code=FIXED),
    **{
        f"etcd.external.{name}": Change(
            value,
            code=FIXED,
            key="etcd",
            beside={"etcd": {"external": EXTERNAL, "image_tag": None}},
        )
        for name, value in EXTERNAL.items()
    },
    "kubeadm.extra_args.api_server": plane(
        {"v": ["4"]}, "pgrep -a -f 'kube-apiserver --'", "--v=4"
    ),
    "kubeadm.extra_args.controller_manager": plane(
        {"v": ["4"]}, "pgrep -a -f 'kube-controller-manager --'", "--v=4"
    ),
    "kubeadm.extra_args.scheduler": plane({"v": ["4"]}, "pgrep -a -f 'kube-scheduler --'", "--v=4"),
    "kubeadm.extra_args.etcd": plane(
        {"log-level": ["debug"]}, "pgrep -a -f 'etcd --'", "--log-level=debug"
    ),
    "kubeadm.feature_gates": plane({"PublicKeysECDSA": True}, STORED, "PublicKeysECDSA: true"),
    "kubeadm.patches": Change("patches"),
    "kubelet": Change({"maxPods": 77}, seen=("cat /var/lib/kubelet/config.yaml", "maxPods: 77")),
    "kube_proxy": Change({"mode": "nftables"}, seen=(f"cat {KUBE_PROXY}", "mode: nftables")),
    "addons.dns": Change(value=False, alone=True, seen=absent("deployments", "coredns")),
    "addons.kube_proxy": Change(
        value=False, beside={"kube_proxy": None}, seen=absent("daemonsets", "kube-proxy")
    ),
    "cni.type": Change("none"),
    "cni.manifests": Change(["net.yaml"], key="cni.type", beside={"cni": {"type": "manifest"}}),
    "programs.bin_dir": Change("/opt/bin", seen=(KUBELET, "/opt/bin/kubelet")),
    "programs.sha256": Change({"https://nothing.example.test/x": "0" * 64}, code="KB100"),
    "cni.sha256": Change({"https://nothing.example.test/x": "0" * 64}, code="KB100"),
    "files.path": file("path", "cat", "one"),
    "files.content": file("content", "cat", "two", content="two\n"),
    "files.source": file("source", "cat", "ConfigMap", source="net.yaml"),
    "files.mode": file("mode", "stat -c %a", "600", mode="0600"),
    "files.owner": file("owner", "stat -c %U", "ops", owner="ops"),
    "files.nodes": file("nodes", "cat", "one", nodes=["node2"]),
}


@pytest.fixture(scope="module")
def site(pair: Site) -> Site:
    """One control plane and one worker, up; real binaries see a few keys in other modules."""
    pair.lab.registry.push_standin(pair.version, prefix="other")
    (pair.folder / "net.yaml").write_text(MANIFEST)
    (pair.folder / "patches").mkdir()
    patch = pair.folder / "patches" / "kube-scheduler+merge.yaml"
    patch.write_text("metadata: {annotations: {site.example.test/patched: 'yes'}}\n")
    return pair


def write(site: Site, key: str, change: Change) -> None:
    """The inventory with this one key changed."""
    data = site.inventory_data()
    places = {FREE: free_address, OTHER: other_repository, PAUSE_IMAGE: pause_image}
    made = places.get(str(change.value))
    value = made(site) if made else change.value
    head, _, rest = key.partition(".")
    if head == "nodes":
        place = next(node for node in data["nodes"] if node["name"] == change.node)
        place.update(merged(place, {rest: value, **change.beside}))
        for gone in [name for name, held in change.beside.items() if held is None]:
            del place[gone]
        site.save(data)
        return
    if key.startswith("registry.mirrors"):
        key, value = "registry.mirrors", [*data["registry"]["mirrors"], *value]
    elif head == "files":
        key, value = "files", [*data.get("files", []), *value]
    site.save(merged(merged(data, change.beside), nested(key, value)))


def nested(key: str, value: Any) -> dict[str, Any]:
    """``{"a": {"b": value}}`` of ``a.b``."""
    for name in reversed(key.split(".")):
        value = {name: value}
    return dict(value)


def other_repository(site: Site) -> str:
    return site.lab.registry.repository("other")


def pause_image(site: Site) -> str:
    return f"{other_repository(site)}/pause:{PAUSE}"


def free_address(site: Site) -> str:
    return site.lab.network.gateway.rpartition(".")[0] + ".200"


DESTRUCTIVE = ("kubeadm init (", "finish the kubeadm init", "clear the half-done", "kubeadm reset")


def harmless(result: Result) -> None:
    """No init, no reset, planned or done, and no bug."""
    texts = [text for _, _, text in (*result.plan, *result.actions)]
    assert [text for text in texts if text.startswith(DESTRUCTIVE)] == []
    assert result.status != 70, result.err


def reported(result: Result) -> list[str]:
    """The keys in which the cluster is said to differ."""
    return [event["key"] for event in result.events if event["event"] == "difference"]


def test_every_key_has_a_change() -> None:
    assert set(KEYS) == set(CHANGES)


def rounds(*, together: bool) -> Iterator[tuple[str, ...]]:
    """The keys that are changed in one `up` each time."""
    changes = {key: CHANGES[key] for key in KEYS}
    many = [k for k, c in changes.items() if together and not (c.code or c.beside or c.alone)]
    yield from ((key,) for key in KEYS if key not in many)
    for group in (
        [key for key in many if CHANGES[key].seen],
        [key for key in many if not CHANGES[key].seen],
    ):
        if group:
            yield tuple(group)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "changed" in metafunc.fixturenames:
        found = list(rounds(together=not metafunc.config.getoption("--all-cases")))
        names = [keys[0] + (f" and {len(keys) - 1} more" if keys[1:] else "") for keys in found]
        metafunc.parametrize("changed", found, ids=names)


def test_a_changed_key_is_applied_refused_or_reported(site: Site, changed: tuple[str, ...]) -> None:
    site.write_inventory()
    for key in changed:
        write(site, key, CHANGES[key])
    try:
        result = site.run("up")
        harmless(result)
        judge(site, changed, result)
    finally:
        site.write_inventory()
    if not CHANGES[changed[0]].code:
        put_back(site)


def put_back(site: Site) -> None:
    """The cluster becomes what it was."""
    back = site.run("up")
    harmless(back)
    assert back.status == 0, back.out[-3000:] + back.err
    assert reported(back) == []
    assert site.run("up", "--exit-code").status == 3
    assert site.node("node2").exec(f"find {FILES} -type f", check=False).stdout == ""


def test_after_what_was_refused_there_is_nothing_to_do(site: Site) -> None:
    put_back(site)


def judge(site: Site, changed: tuple[str, ...], result: Result) -> None:
    """It came as `CHANGES` says."""
    words = result.out[-4000:] + result.err
    if CHANGES[changed[0]].code:
        refused(changed[0], result)
        return
    silent = [key for key in changed if not (CHANGES[key].seen or named(key, result))]
    assert silent == [], words
    only_applied = all(CHANGES[key].seen for key in changed)
    assert result.status == (0 if only_applied else 9), words
    for key in changed:
        if (seen := CHANGES[key].seen) is not None:
            where = site.node("node1" if seen[0].startswith("kubectl") else CHANGES[key].node)
            assert seen[1] in where.exec(f"{ADMIN}{seen[0]}").stdout
    again = site.run("up", *(["--exit-code"] if only_applied else []))
    assert (again.status, again.actions) == (3 if only_applied else 9, []), again.out[-2000:]


def named(key: str, result: Result) -> bool:
    """Whether the report names the key."""
    name = CHANGES[key].key or key
    return any(one == name or one.startswith(f"{name}.") for one in reported(result))


def refused(key: str, result: Result) -> None:
    """With the code of `CHANGES`, by name, and nothing was done."""
    change = CHANGES[key]
    told = [
        f"{error['message']} {error['detail']}"
        for error in result.errors()
        if error["code"] == change.code
    ]
    assert told, result.out[-4000:] + result.err
    assert result.actions == []
    name = (change.key or key).split(".")[-1]
    assert change.code != FIXED or any(name in text for text in told), told

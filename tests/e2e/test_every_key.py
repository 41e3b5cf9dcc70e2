"""Every key of the inventory, changed on a running cluster: applied, refused or reported.

The keys come from the inventory's own models, so a new key is tried unasked, and fails until
`CHANGES` says what to change it to. Never silent, never another phase's destructive step; and
put back, the cluster is as it was.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from kbootstrap.model.document import merged
from kbootstrap.model.inventory import Inventory
from tests.e2e.site import Result, Site

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]


def models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models inside an annotation such as ``tuple[NodeEntry, ...]`` or ``Ssh | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every leaf, as a path of field names."""
    for name, info in model.model_fields.items():
        inside = [] if name == "taints" else list(models(info.annotation))
        if not inside:
            yield prefix + name
        for inner in inside:
            yield from keys(inner, f"{prefix}{name}.")


# How kbootstrap works, not what the cluster is: nothing of these runs anywhere.
OURS = (
    *("defaults.", "groups.", "nodes.ssh.", "nodes.groups", "nodes.ignore_preflight"),
    *("kubeadm.timeouts.", "kubeadm.ignore_preflight", "kubeadm.skip_phases", "token.ttl"),
    *("programs.source", "programs.base_url", "programs.folder", "programs.crictl_url"),
    *("programs.cni_plugins_url", "programs.cni_plugins_folder"),
)
KEYS = [key for key in keys(Inventory) if not key.startswith(OURS)]

FILE = {"path": "/etc/kb-test", "content": "one\n"}
MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: net, namespace: kube-system}\n"
EXTERNAL = {
    "endpoints": ["https://etcd.example.test:2379"],
    "ca_file": "/etc/e/ca",
    "cert_file": "/etc/e/crt",
    "key_file": "/etc/e/key",
}
ELSEWHERE = {"etcd": {"external": EXTERNAL, "image_tag": None}}
MIRROR = {"host": "reg.example.test", "endpoints": ["http://a.example.test"], "insecure": True}
CERTS = "/etc/containerd/certs.d/reg.example.test/hosts.toml"
REPOSITORY = "mirror.example.test/k8s"
FREE = "FREE"  # stands for an address of the lab's network that nobody has


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

    """

    value: Any
    node: str = "node2"
    seen: tuple[str, str] | None = None
    code: str = ""
    key: str = ""
    beside: dict[str, Any] = field(default_factory=dict)


def mirror(**changes: Any) -> Change:
    """The whole list, with one mirror more."""
    words = str(next(iter(changes.values()), MIRROR["endpoints"])).strip("[]'")
    words = "skip_verify" if words == "False" else words
    return Change([MIRROR | changes], seen=(f"cat {CERTS}", words))


FIXED = "KB440"
ADMIN = "HOME=/tmp KUBECONFIG=/etc/kubernetes/admin.conf "
CHANGES: dict[str, Change] = {
    "cluster.name": Change("other", code="KB401"),
    "kubernetes.version": Change("v1.34.9", code="KB420"),
    "nodes.name": Change("node9", code=FIXED),
    "nodes.address": Change(FREE, code="KB201"),
    "nodes.advertise_address": Change(FREE, code=FIXED),
    "nodes.second_address": Change("2001:db8::12", code="KB100"),  # one family here
    "nodes.role": Change("control-plane", code=FIXED),
    "nodes.roles": Change(["control-plane"], code=FIXED, key="role", beside={"role": None}),
    "nodes.labels": Change({"disk": "ssd"}, seen=("kubectl get node node2 -o yaml", "disk: ssd")),
    "nodes.taints": Change(["a=b:NoSchedule"], seen=("kubectl get node node2 -o yaml", "key: a")),
    "nodes.kubelet_args": Change({"v": "4"}, key="kubelet_args.v"),
    "api.endpoint": Change("api.example.test:6443", code=FIXED),
    "api.bind_port": Change(7443, code=FIXED),
    "api.cert_sans": Change(["other.example.test"]),
    "network.pod_cidr": Change("10.200.0.0/16", code=FIXED),
    "network.service_cidr": Change("10.97.0.0/16", code=FIXED),
    "network.dns_domain": Change("example.test", code=FIXED),
    "registry.image_repository": Change(REPOSITORY),
    "registry.etcd": Change(REPOSITORY),
    "registry.dns": Change(REPOSITORY),
    "registry.dns_tag": Change("v9"),
    "registry.pause": Change(
        f"{REPOSITORY}/pause:3.9", seen=("containerd config dump", f"{REPOSITORY}/pause:3.9")
    ),
    "registry.mirrors.host": mirror(),
    "registry.mirrors.endpoints": mirror(endpoints=["http://b.example.test"]),
    "registry.mirrors.insecure": mirror(endpoints=["https://b.example.test"]),
    "registry.mirrors.ca_file": mirror(ca_file="/etc/ssl/site.pem"),
    "runtime.type": Change("cri-o", code=FIXED),
    "runtime.settings": Change(
        {"plugins": {"io.containerd.grpc.v1.cri": {"max_concurrent_downloads": 5}}},
        seen=("containerd config dump", "max_concurrent_downloads = 5"),
    ),
    "etcd.image_tag": Change("3.5.99-0"),
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
    "kubeadm.extra_args.api_server": Change({"v": ["4"]}),
    "kubeadm.extra_args.controller_manager": Change({"v": ["4"]}),
    "kubeadm.extra_args.scheduler": Change({"v": ["4"]}),
    "kubeadm.extra_args.etcd": Change({"log-level": ["debug"]}),
    "kubeadm.feature_gates": Change({"PublicKeysECDSA": True}),
    "kubeadm.patches": Change("patches"),
    "kubelet": Change({"maxPods": 77}),
    "kube_proxy": Change({"mode": "nftables"}),
    "addons.dns": Change(value=False),
    "addons.kube_proxy": Change(value=False, beside={"kube_proxy": None}),
    "cni.type": Change("none"),
    "cni.manifests": Change(["net.yaml"], key="cni.type", beside={"cni": {"type": "manifest"}}),
    "programs.bin_dir": Change("/opt/bin"),
    "files.path": Change([FILE], seen=("cat /etc/kb-test", "one")),
    "files.content": Change([FILE | {"content": "two\n"}], seen=("cat /etc/kb-test", "two")),
    "files.source": Change(
        [{"path": "/etc/kb-test", "source": "net.yaml"}], seen=("cat /etc/kb-test", "ConfigMap")
    ),
    "files.mode": Change([FILE | {"mode": "0600"}], seen=("stat -c %a /etc/kb-test", "600")),
    "files.owner": Change([FILE | {"owner": "ops"}], seen=("stat -c %U /etc/kb-test", "ops")),
    "files.nodes": Change([FILE | {"nodes": ["node2"]}], seen=("cat /etc/kb-test", "one")),
}


@pytest.fixture(scope="module")
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """One control plane and one worker, up."""
    if kind != "standin":
        pytest.skip("the stand-in is quicker; real programs see a few keys in other modules")
    made = make_site("keys", 2, extra={"addons": {"dns": True}})
    (made.folder / "net.yaml").write_text(MANIFEST)
    (made.folder / "patches").mkdir()
    patch = made.folder / "patches" / "kube-scheduler+merge.yaml"
    patch.write_text("metadata: {annotations: {site.example.test/patched: 'yes'}}\n")
    made.ok("up")
    return made


def write(site: Site, key: str, change: Change) -> None:
    """The inventory with this one key changed."""
    data = site.inventory_data()
    value = free_address(site) if change.value == FREE else change.value
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
        key = "files"
    site.save(merged(merged(data, change.beside), nested(key, value)))


def nested(key: str, value: Any) -> dict[str, Any]:
    """``{"a": {"b": value}}`` of ``a.b``."""
    for name in reversed(key.split(".")):
        value = {name: value}
    return dict(value)


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


@pytest.mark.parametrize("key", KEYS)
def test_a_changed_key_is_applied_refused_or_reported(site: Site, key: str) -> None:
    change = CHANGES[key]
    site.write_inventory()
    write(site, key, change)
    try:
        result = site.run("up")
        harmless(result)
        judge(site, key, change, result)
    finally:
        site.write_inventory()
    back = site.run("up")
    harmless(back)
    assert back.status == 0, back.out[-3000:] + back.err
    assert reported(back) == []
    assert site.run("up", "--exit-code").status == 3
    if key.startswith("files."):
        site.node("node2").exec("[ ! -e /etc/kb-test ]")


def judge(site: Site, key: str, change: Change, result: Result) -> None:
    """It came as `CHANGES` says."""
    words = result.out[-4000:] + result.err
    named = change.key or key
    if change.code:
        told = [
            f"{error['message']} {error['detail']}"
            for error in result.errors()
            if error["code"] == change.code
        ]
        assert told, words
        assert result.actions == []
        assert change.code != FIXED or any(named.split(".")[-1] in text for text in told), told
    elif change.seen is not None:
        assert result.status == 0, words
        command, wanted = change.seen
        where = site.node("node1" if command.startswith("kubectl") else change.node)
        assert wanted in where.exec(f"{ADMIN}{command}").stdout
        assert site.run("up", "--exit-code").status == 3
    else:
        assert result.status == 9, words
        assert any(one == named or one.startswith(f"{named}.") for one in reported(result)), words
        again = site.run("up")
        assert (again.status, again.actions) == (9, []), again.out[-2000:]

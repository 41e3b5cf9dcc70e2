"""What an inventory means when it says little, and when it says much."""

from pathlib import Path

from kbootstrap.model import cluster as c
from kbootstrap.model.document import Document
from kbootstrap.model.ssh_target import NOT_IN_INVENTORY, SshTarget
from kbootstrap.secret import SecretRef
from tests.unit.model.writing import inventory, read

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPp6XyVJkzUvR1uS1FZ9yV1mXkYw0Jk0uQm3cGx0w9E"

MUCH = """\
kubernetes: {version: v1.33.1}
registry:
  image_repository: r.example:5000/k8s
  etcd: r.example:5000/etcd
  dns: r.example:5000/dns
  dns_tag: v1.12.0
  mirrors: [{host: "r.example:5000", insecure: true}, {host: docker.io}]
runtime: {type: cri-o, settings: {crio: {runtime: {log_level: debug}}}}
etcd: {image_tag: 3.5.21-0, data_dir: /data/etcd/}
kubeadm:
  extra_args:
    api_server: {v: "2", oidc-issuer-url: https://x.example}
    scheduler: {v: ["1", "2"]}
  feature_gates: {NodeLocalCRISocket: false}
  patches: patches
  skip_phases: [certs/sa]
  ignore_preflight: [Swap, port-10250]
  timeouts: {control_plane: 1h30m, discovery: 90s}
kubelet: {maxPods: 50, evictionHard: {memory.available: 1Gi}, clusterDNS: [10.96.0.10]}
kube_proxy: {mode: nftables}
addons: {dns: false}
cni: {type: manifest, manifests: [net.yaml, "https://x.example/n.yaml"]}
programs: {source: folder, folder: bin, cni_plugins_folder: plugins, bin_dir: /opt/bin}
files:
  - {path: /etc/motd, source: motd, mode: "0600", owner: root, nodes: [w1]}
token: {ttl: 5m}
"""


def test_defaults(tmp_path: Path) -> None:
    cluster = read(tmp_path, inventory()).cluster
    first, worker = cluster.nodes
    assert first == c.Node(
        name="cp1",
        address="192.0.2.11",
        ssh=SshTarget(
            host="192.0.2.11",
            left_open=NOT_IN_INVENTORY | {"host", "port", "user", "key", "jump", "become"},
        ),
        roles=frozenset({c.Role.CONTROL_PLANE}),
        advertise_address="192.0.2.11",
    )
    assert worker.taints is None
    assert cluster.api == c.Api(endpoint="192.0.2.11:6443")
    assert not cluster.api.stable
    assert cluster.images == c.Images(pause="registry.k8s.io/pause:3.10.1")
    assert [str(n) for n in cluster.network.pod_cidrs] == ["10.244.0.0/16"]
    assert [str(n) for n in cluster.network.service_cidrs] == ["10.96.0.0/12"]
    assert (cluster.runtime, cluster.etcd, cluster.kubeadm) == (c.Runtime(), c.Etcd(), c.Kubeadm())
    assert (cluster.addons, cluster.programs) == (c.Addons(), c.Programs())
    assert cluster.cni == c.Cni(type="bridge")
    assert (cluster.files, cluster.token_ttl) == ((), 900)
    assert hash(cluster) == hash(read(tmp_path, inventory()).cluster)


def test_one_node_with_both_roles_has_no_taint(tmp_path: Path) -> None:
    text = inventory("nodes: [{name: a, address: 192.0.2.1, role: both}]\n")
    (node,) = read(tmp_path, text).cluster.nodes
    assert (node.taints, node.role_text) == ((), "control-plane+worker")


def test_endpoint_and_bind_port(tmp_path: Path) -> None:
    text = inventory("api: {bind_port: 8443, endpoint: 'api.example.org:443', cert_sans: [x.y]}\n")
    api = read(tmp_path, text).cluster.api
    assert api == c.Api(
        endpoint="api.example.org:443", bind_port=8443, cert_sans=("x.y",), stable=True
    )
    text = inventory(
        "api: {bind_port: 8443}\n"
        "nodes: [{name: a, address: 192.0.2.1, advertise_address: 198.51.100.1, role: both}]\n"
    )
    assert read(tmp_path, text).cluster.api.endpoint == "198.51.100.1:8443"


def test_the_configuration_of_ssh_may_be_left_alone(tmp_path: Path) -> None:
    text = inventory("defaults: {ssh: {config: false, jump: {host: bastion}}}\n")
    ssh = read(tmp_path, text).cluster.nodes[0].ssh
    assert ssh.left_open == frozenset()
    assert ssh.jump is not None
    assert ssh.jump.left_open == frozenset()


def test_logins(tmp_path: Path) -> None:
    text = inventory(
        "defaults:\n  ssh:\n    user: me\n    key: keys/id\n    password: {file: secrets/p}\n"
        f"    become_password: {{prompt: sudo please}}\n    host_keys: ['{ED25519} me@host']\n"
        f"    host_ca: ['{ED25519} ca']\n"
        "    jump: {host: bastion.example.org, port: 2222, password: {env: JUMP}}\n"
    )
    ssh = read(tmp_path, text).cluster.nodes[0].ssh
    assert ssh == SshTarget(
        host="192.0.2.11",
        user="me",
        key_file=str(tmp_path / "keys/id"),
        password=SecretRef("file", str(tmp_path / "secrets/p")),
        become=True,
        become_password=SecretRef("prompt", "sudo please"),
        host_keys=(ED25519,),
        host_cas=(ED25519,),
        jump=SshTarget(
            host="bastion.example.org",
            port=2222,
            user="me",
            key_file=str(tmp_path / "keys/id"),
            password=SecretRef("env", "JUMP"),
            left_open=NOT_IN_INVENTORY,
        ),
        left_open=NOT_IN_INVENTORY | {"host", "port", "become"},
    )


def test_home_is_expanded(tmp_path: Path) -> None:
    text = inventory("defaults: {ssh: {key: ~/.ssh/id}}\n")
    key = read(tmp_path, text).cluster.nodes[0].ssh.key_file
    assert key == str(Path.home() / ".ssh/id")


def test_everything_else(tmp_path: Path) -> None:
    for name in ("bin", "plugins", "patches"):
        (tmp_path / name).mkdir()
    (tmp_path / "patches/etcd.yaml").write_text("{}")
    (tmp_path / "motd").write_text("hällo\n", encoding="utf-8")
    (tmp_path / "net.yaml").write_text("{}")
    text = inventory(MUCH)
    cluster = read(tmp_path, text).cluster
    assert cluster.images.pause == "r.example:5000/k8s/pause:3.10"
    assert cluster.images.dns_tag == "v1.12.0"
    assert [m.endpoints for m in cluster.images.mirrors] == [
        ("http://r.example:5000",),
        ("https://docker.io",),
    ]
    assert cluster.runtime.settings.data == {"crio": {"runtime": {"log_level": "debug"}}}
    assert cluster.runtime.unit == "crio.service"
    assert cluster.etcd == c.Etcd(image_tag="3.5.21-0", data_dir="/data/etcd")
    assert cluster.kubeadm.scheduler_args == (c.Arg("v", "1"), c.Arg("v", "2"))
    assert [arg.name for arg in cluster.kubeadm.api_server_args] == ["oidc-issuer-url", "v"]
    assert cluster.kubeadm.patches_dir == str(tmp_path / "patches")
    assert cluster.kubeadm.timeouts == c.Timeouts(control_plane=5400, discovery=90)
    assert cluster.kubelet == Document.of(
        {"maxPods": 50, "evictionHard": {"memory.available": "1Gi"}, "clusterDNS": ["10.96.0.10"]}
    )
    assert cluster.addons == c.Addons(dns=False)
    assert cluster.cni.manifests == (str(tmp_path / "net.yaml"), "https://x.example/n.yaml")
    assert cluster.programs.folder == str(tmp_path / "bin")
    assert cluster.programs.cni_plugins_folder == str(tmp_path / "plugins")
    assert cluster.files == (
        c.ExtraFile(
            path="/etc/motd", content="hällo\n", mode=0o600, owner="root:root", on=frozenset({"w1"})
        ),
    )
    assert cluster.token_ttl == 300


def test_external_etcd(tmp_path: Path) -> None:
    text = inventory(
        "etcd: {external: {endpoints: ['https://e1.example:2379'], ca_file: /a/ca.crt,"
        " cert_file: /a/c.crt, key_file: /a/c.key}}\n"
    )
    external = read(tmp_path, text).cluster.etcd.external
    assert external is not None
    assert external.endpoints == ("https://e1.example:2379",)

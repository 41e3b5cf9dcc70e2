"""Address ranges against plain arithmetic on their first and last address."""

import tempfile
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.model.writing import found, inventory, problems, read

NETWORKS = st.builds(
    lambda number, length: ip_network((number >> (32 - length) << (32 - length), length)),
    st.integers(0, 2**32 - 1),
    st.integers(4, 30),
)
MACHINES = tuple(int(ip_address(text)) for text in ("192.0.2.11", "192.0.2.21"))


def _ends(network: IPv4Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


def _meet(one: IPv4Network, other: IPv4Network) -> bool:
    (a, b), (c, d) = _ends(one), _ends(other)
    return a <= d and c <= b


def _holds_machine(network: IPv4Network) -> bool:
    first, last = _ends(network)
    return any(first <= machine <= last for machine in MACHINES)


@given(NETWORKS, NETWORKS)
@settings(max_examples=300, deadline=None)
def test_any_two_ranges(pods: IPv4Network, services: IPv4Network) -> None:
    want = []
    if not 8 <= pods.prefixlen <= 23:  # two nodes need two ranges of /24
        want.append(("KB120", "network.pod_cidr"))
    if not 12 <= services.prefixlen <= 28:
        want.append(("KB120", "network.service_cidr"))
    if _meet(pods, services):
        want.append(("KB118", "network.service_cidr"))
    if _holds_machine(pods):
        want.append(("KB118", "network.pod_cidr"))
    if _holds_machine(services):
        want.append(("KB118", "network.service_cidr"))
    text = inventory(f"network: {{pod_cidr: {pods}, service_cidr: {services}}}\n")
    with tempfile.TemporaryDirectory() as folder:
        assert sorted(found(problems(Path(folder), text))) == sorted(want)


@given(st.integers(0, 2**32 - 1), st.integers(1, 32))
@settings(max_examples=100, deadline=None)
def test_host_bits(number: int, length: int) -> None:
    text = inventory(f"network: {{pod_cidr: {ip_address(number)}/{length}}}\n")
    with tempfile.TemporaryDirectory() as folder:
        said = [p for p in problems(Path(folder), text) if p.code.id == "KB117"]
    inside = number % 2 ** (32 - length) != 0
    assert bool(said) == inside
    for problem in said:
        assert problem.meant == str(ip_network((number, length), strict=False))


def test_dual_stack(tmp_path: Path) -> None:
    text = inventory(
        "network:\n  pod_cidr: 10.244.0.0/16, fd00:10:244::/56\n"
        "  service_cidr: [10.96.0.0/12, fd00:10:96::/112]\n"
        "cni: {type: none}\n"
    )
    network = read(tmp_path, text).cluster.network
    assert [str(one) for one in network.pod_cidrs] == ["10.244.0.0/16", "fd00:10:244::/56"]
    assert [one.version for one in network.service_cidrs] == [4, 6]


def test_ipv6_only(tmp_path: Path) -> None:
    text = inventory(
        "network: {pod_cidr: 'fd00:10:244::/56', service_cidr: 'fd00:10:96::/112'}\n"
        "nodes: [{name: a, address: '2001:DB8:0::1', role: both}]\n"
        "cni: {type: none}\n"
    )
    cluster = read(tmp_path, text).cluster
    assert cluster.api.endpoint == "[2001:db8::1]:6443"
    assert cluster.nodes[0].address == "2001:db8::1"


def test_node_masks_of_the_controller_manager(tmp_path: Path) -> None:
    small = "network: {pod_cidr: 10.244.0.0/25}\n"
    mask = 'kubeadm: {extra_args: {controller_manager: {node-cidr-mask-size-ipv4: "26"}}}\n'
    off = 'kubeadm: {extra_args: {controller_manager: {allocate-node-cidrs: "false"}}}\n'
    assert found(problems(tmp_path, inventory(small))) == [("KB120", "network.pod_cidr")]
    assert problems(tmp_path, inventory(small + mask)) == ()
    assert problems(tmp_path, inventory(small + off)) == ()


def test_everything_that_must_be_reached_is_outside(tmp_path: Path) -> None:
    text = inventory(
        "api: {endpoint: '10.244.0.1:6443'}\ndefaults: {ssh: {jump: {host: 10.0.0.1}}}\n"
        "etcd: {external: {endpoints: ['https://10.96.0.9:2379'], ca_file: /a, cert_file: /b,"
        " key_file: /c}}\nnodes:\n"
        "  - {name: a, address: 192.0.2.1, advertise_address: 10.244.0.2, role: both}\n"
    )
    said = problems(tmp_path, text)
    assert found(said) == [("KB118", "network.pod_cidr"), ("KB118", "network.service_cidr")]
    assert "10.244.0.2 (a), 10.244.0.1 (api.endpoint)" in said[0].message
    assert said[1].message == "default service range 10.96.0.0/12 holds 10.96.0.9 (etcd)"

"""What the probe of phase fitness says of a node's files, links and ports."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap.render import render
from tests.unit.remote.conftest import Machine

LINKS = """\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 192.0.2.11/24 brd 192.0.2.255 scope global eth0
2: eth0    inet6 fd00::11/64 scope global
3: cni0    inet 10.42.1.1/24 brd 10.42.1.255 scope global cni0
3: cni0    inet6 fe80::1/64 scope link
"""
OURS = '"ipam": {\n  "ranges": [[{"subnet": "10.244.1.0/24"}]],\n}\n'


class Node:
    """The files the probe reads, below one directory."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine, self.folder = machine, folder
        self.resolver = folder / "resolv.conf"
        self.resolver.write_text("nameserver 192.0.2.1\n")
        self.config = folder / "config.yaml"
        self.conflist = folder / "net.d" / "10-kbootstrap.conflist"
        self.conflist.parent.mkdir()
        self.member = folder / "kubelet.conf"
        (folder / "links").write_text(LINKS)

    def look(self, *targets: tuple[str, int], address: str = "192.0.2.11") -> list[str]:
        """The facts, without those of this very host."""
        text = render(
            "fitness/probe.sh.j2",
            resolver=str(self.resolver),
            resolved=str(self.folder / "resolved"),
            kubelet_config=str(self.config),
            member=str(self.member),
            conflist=str(self.conflist),
            address=address,
            targets=targets,
        )
        facts = self.machine.probe(f"ip() {{ cat {self.folder}/links; }}\n{text}\n:")
        return [line for line in facts.splitlines() if "_id=" not in line]


@pytest.fixture
def node(machine: Machine, tmp_path: Path) -> Node:
    return Node(machine, tmp_path)


HERE = ["address=1", "bridge=10.42.1.1/24"]


def test_a_node_that_is_fit(node: Node) -> None:
    assert node.look() == HERE


def test_a_resolver_that_leads_nowhere(node: Node) -> None:
    node.resolver.unlink()
    node.resolver.symlink_to(node.folder / "run" / "stub")
    assert node.look() == [f"lost_resolver={node.resolver}", *HERE]


def test_the_kubelet_s_own_configuration_names_the_resolver(node: Node) -> None:
    node.config.write_text(f'a: b\nresolvConf: "{node.folder}/gone"\n')
    assert node.look() == [f"lost_resolver={node.folder}/gone", *HERE]
    node.config.write_text('resolvConf: ""\n')
    assert node.look() == HERE


def test_other_networks_are_named_but_no_plugin_s_leavings(node: Node) -> None:
    for name in ("10-flannel.conflist", "87-podman.conf", "99-x.json", "10-calico.conflist.bak"):
        (node.conflist.parent / name).write_text("{}")
    node.conflist.write_text(OURS)
    found = [line for line in node.look() if line not in HERE]
    folder = node.conflist.parent
    assert found == [
        f"network={folder}/10-flannel.conflist",
        f"network={folder}/87-podman.conf",
        f"network={folder}/99-x.json",
        "range=10.244.1.0/24",
    ]


def test_an_address_that_no_interface_has(node: Node) -> None:
    assert node.look(address="192.0.2.1") == ["bridge=10.42.1.1/24"]
    assert node.look(address="fd00::11") == HERE


def test_an_answer_or_a_refusal_is_reached(node: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert node.look(("127.0.0.1", port)) == HERE
    assert node.look(("127.0.0.1", port)) == HERE


@pytest.fixture
def unroutable() -> Iterator[str]:
    address = "198.51.100.77"
    command = ["ip", "route", "add", "unreachable", address]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("NOT RUN: routes need root")
    yield address
    subprocess.run(["ip", "route", "del", "unreachable", address], check=True)


def test_no_way_to_a_port_is_said(node: Node, unroutable: str) -> None:
    found = [line for line in node.look((unroutable, 6443)) if line not in HERE]
    assert found == [f"blocked={unroutable} 6443 No route to host"]


def test_a_port_that_drops_is_said_within_five_seconds(node: Node) -> None:
    """A listener whose queue is full drops what comes, as a firewall does."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", port))
        found = [line for line in node.look(("127.0.0.1", port)) if line not in HERE]
        for one in waiting:
            one.close()
    assert found == [f"blocked=127.0.0.1 {port} timed out"]


def test_a_member_opens_no_connection(node: Node) -> None:
    node.member.touch()
    assert node.look(("198.51.100.1", 1)) == ["member=1", *HERE]

"""Dual stack: each node announces an address of either family, or is refused before any change."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from kbootstrap import kubeadm
from kbootstrap.engine.phase import View, parse_facts
from kbootstrap.model.cluster import Arg, Cluster
from phases import identity
from tests.laws.clusters import from_text

PODS, SERVICES = ("10.244.0.0/16", '"fd00:1::/56"'), ("10.96.0.0/12", '"fd00:2::/112"')
RANGES = {
    "IPv4": f"pod_cidr: [{', '.join(PODS)}], service_cidr: [{', '.join(SERVICES)}]",
    "IPv6": f"pod_cidr: [{', '.join(PODS[::-1])}], service_cidr: [{', '.join(SERVICES[::-1])}]",
}
V4, V6 = "192.0.2.11", "2001:db8::11"


def cluster(first: str, address: str, second: str = "") -> Cluster:
    more = f', second_address: "{second}"' if second else ""
    return from_text(
        "cluster: {name: demo}\nkubernetes: {version: v1.34.2}\ncni: {type: none}\n"
        f"network: {{{RANGES[first]}}}\n"
        f'nodes:\n  - {{name: cp1, address: "{address}", role: control-plane{more}}}\n'
    )


def node_ip(known: Cluster) -> str:
    document = next(iter(yaml.safe_load_all(kubeadm.init_config(known, known.first))))
    arguments = document["nodeRegistration"]["kubeletExtraArgs"]
    return str(next(a["value"] for a in arguments if a["name"] == "node-ip"))


@pytest.mark.parametrize(
    ("first", "address", "second", "announced"),
    [
        ("IPv4", V4, V6, f"{V4},{V6}"),
        ("IPv6", V6, V4, f"{V6},{V4}"),
        ("IPv4", V4, "", V4),
        ("IPv4", V4, "2001:DB8:0::11", f"{V4},{V6}"),
    ],
)
def test_the_kubelet_announces_both_in_the_order_of_the_cluster(
    first: str, address: str, second: str, announced: str
) -> None:
    assert node_ip(cluster(first, address, second)) == announced


def refused(known: Cluster, addresses: tuple[str, ...], *, member: bool = False) -> list[str]:
    facts = identity.Facts(address=addresses, member=member)
    view = View(cluster=known, node=known.first, facts=facts)
    found = [error for error in identity.check(view) if error.code.id == "KB354"]
    return [f"{error.message}: {error.detail}" for error in found]


def test_a_node_without_a_second_address_is_refused_with_those_it_has() -> None:
    (said,) = refused(cluster("IPv4", V4), (V4, V6))
    assert "has no second_address" in said
    assert f"its addresses: {V4}, {V6}" in said


def test_a_second_address_that_the_node_does_not_have_is_refused() -> None:
    (said,) = refused(cluster("IPv4", V4, V6), (V4,))
    assert f"does not have its second_address {V6}" in said


def test_a_node_that_has_it_a_member_and_one_with_node_ip_are_not_refused() -> None:
    both = cluster("IPv4", V4, V6)
    assert refused(both, (V4, V6)) == []
    assert refused(both, (), member=True) == []
    own = replace(both.first, second_address="", kubelet_args=(Arg("node-ip", V4),))
    assert refused(replace(both, nodes=(own,)), ()) == []


IP = """#!/bin/sh
echo "2: eth0    inet 192.0.2.11/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever"
echo "2: eth0    inet6 2001:db8::11/64 scope global \\       valid_lft forever"
echo "2: eth0    inet6 2001:db8::ff/64 scope global temporary dynamic \\       valid_lft 9sec"
"""


@pytest.mark.parametrize("second", ["", V6])
def test_the_probe_finds_the_addresses_that_last(second: str, tmp_path: Path) -> None:
    (tmp_path / "ip").write_text(IP)
    (tmp_path / "ip").chmod(0o755)
    known = cluster("IPv4", V4, second)
    script = identity.probe(known, known.first).replace(
        "/etc/kubernetes/kubelet.conf", f"{tmp_path}/none"
    )
    fact = 'kb_fact() { printf \'%s=%s\\n\' "$1" "$2"; }\n'
    path = f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run(
        ["sh", "-uc", fact + script],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": path},
    )
    assert parse_facts(identity.Facts, done.stdout).address == (V4, V6)

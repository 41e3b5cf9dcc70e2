"""What the pod network's unit runs, in a network namespace of its own."""

import os
import subprocess
from pathlib import Path

import pytest

from kbootstrap.model.load import load
from phases.cni_bridge import script_text

INVENTORY = """\
cluster: {name: a}
kubernetes: {version: v1.34.2}
nodes: [{name: n1, address: 192.0.2.5, role: both}]
network: {pod_cidr: 10.244.0.0/16, service_cidr: 10.96.0.0/12}
cni: {type: bridge}
"""
# Prints both settings before, while it is up, after a second start, and when it is down.
ALL = """
mount -t tmpfs run /run
ip link add nic type bridge
ip address add 192.0.2.5/24 dev nic
ip link set nic up
echo "$1" >/proc/sys/net/ipv4/conf/nic/proxy_arp
echo "$2" >/proc/sys/net/ipv4/neigh/nic/proxy_delay
told() { cat /proc/sys/net/ipv4/conf/nic/proxy_arp /proc/sys/net/ipv4/neigh/nic/proxy_delay; }
told; sh ./script up; told; sh ./script up; told; sh ./script down; told; sh ./script down; told
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: network namespaces need root")
@pytest.mark.parametrize("before", [("0", "80"), ("1", "40")])
def test_down_gives_back_what_was_there_before(tmp_path: Path, before: tuple[str, str]) -> None:
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(INVENTORY)
    cluster = load(inventory)
    (tmp_path / "script").write_text(script_text(cluster, cluster.nodes[0]))
    rules = tmp_path / "iptables"  # not every host has it, and it is not what we ask about
    rules.write_text("#!/bin/sh\nexit 0\n")
    rules.chmod(0o755)

    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-euc", ALL, "sh", *before],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"},
    )

    up = ("1", "0")
    assert tuple(done.stdout.split()) == (*before, *up, *up, *before, *before)

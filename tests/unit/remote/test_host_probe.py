"""Does a node's own name resolve to an address that it has?"""

from pathlib import Path

import pytest

from phases import host
from tests.laws.clusters import cluster
from tests.unit.remote.conftest import Machine

IP = "ip() { printf '%s\\n' '2: eth0    inet 192.0.2.77/24 brd 192.0.2.255 scope global eth0'; }\n"
DNS = "timeout() { shift 3; printf '%s STREAM %s\\n' ADDRESS \"$1\"; }\n"


@pytest.mark.parametrize(
    ("lines", "dns", "resolves"),
    [
        ("192.0.2.11 n1", "", True),
        ("127.0.1.1 n1.example.org n1", "", True),
        ("192.0.2.77 n1", "", True),
        ("192.0.2.7 n1", "", False),
        ("10.9.9.9 db.internal192.0.2.11 n1", "", False),
        ("10.9.9.9 n1\n192.0.2.11 n1", "", False),
        ("# 192.0.2.11 n1\n10.9.9.9 db # n1", "", False),
        ("", "192.0.2.11", True),
        ("", "203.0.113.9", False),
    ],
)
def test_a_name_counts_that_leads_to_the_node(
    machine: Machine, tmp_path: Path, lines: str, dns: str, *, resolves: bool
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{lines}\n")
    known = cluster("single")
    script = host.probe(known, known.first).replace("/etc/hosts", str(hosts))

    facts = machine.probe(
        IP + (DNS.replace("ADDRESS", dns) if dns else "timeout() { false; }\n") + script
    )

    assert ("resolves=1" in facts.splitlines()) is resolves

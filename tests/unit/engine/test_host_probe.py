"""What the first probe of a node says about its host, and values that cannot be right."""

import pytest

from kbootstrap.engine.host_probe import MOST_VALUES, PART, read
from kbootstrap.errors import PhaseError
from kbootstrap.model.host_facts import HostFacts
from kbootstrap.remote.protocol import PartResult

ROCKY = """\
clock=1764500000
systemd=1
cgroup=1
tool=dnf
tool=iptables
unit=chronyd
unit=firewalld
machine-id=5d0c7d4f9a3b4a6e8c1f2d3e4a5b6c7d
arch=x86_64
hostname=node1.example.org
osrelease=4.18.0-553.el8_10.x86_64
boot_id=2f1c7a8e-6f0a-4b53-9d0e-3b1f7d0e8a11
ip_tables_names=filter
enforce=1
mem=3993600
cpus=0-3,8
swap=/dev/dm-1
fstab=/dev/mapper/rl-swap
route=eth0 010200C0
mount=/ xfs rw,relatime rw
mount=/var xfs rw,nosuid,noexec ro
ID="rocky"
ID_LIKE="rhel centos fedora"
VERSION_ID="8.10"
"""


def host(output: str) -> HostFacts:
    return read(result(output))


def result(output: str, *, rc: int = 0, truncated: bool = False) -> PartResult:
    return PartResult(PART, rc, output, 1, skipped=False, truncated=truncated)


def test_all_of_a_host() -> None:
    assert host(ROCKY) == HostFacts(
        machine="x86_64",
        kernel="4.18.0-553.el8_10.x86_64",
        hostname="node1.example.org",
        machine_id="5d0c7d4f9a3b4a6e8c1f2d3e4a5b6c7d",
        boot_id="2f1c7a8e-6f0a-4b53-9d0e-3b1f7d0e8a11",
        os_id="rocky",
        os_like=("rhel", "centos", "fedora"),
        os_version="8.10",
        tools=("dnf", "iptables"),
        systemd=True,
        cgroup=1,
        selinux="enforcing",
        units=("chronyd", "firewalld"),
        iptables_table="filter",
        memory_mib=3900,
        cpus=5,
        swap=("/dev/dm-1",),
        swap_fstab=("/dev/mapper/rl-swap",),
        clock=1764500000,
        routes=("default via 192.0.2.1 dev eth0",),
        mounts=("/ xfs", "/var xfs ro noexec"),
    )


def test_all_of_a_host_on_one_line() -> None:
    text = host(ROCKY).text
    assert "\n" not in text
    for words in (
        "node1.example.org, rocky 8.10, x86_64, kernel 4.18.0-553.el8_10.x86_64, systemd",
        "cgroup v1, 3900 MiB, 5 CPUs; firewall: firewalld; time: chronyd; SELinux: enforcing",
        "swap: /dev/dm-1, /dev/mapper/rl-swap at boot",
        "routes: default via 192.0.2.1 dev eth0; mounts: / xfs, /var xfs ro noexec",
    ):
        assert words in text


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ID=",
        "VERSION_ID=",
        "machine-id=uninitialized",
        "hostname=(none)",
        "ID_LIKE='suse opensuse'",
        'ID_LIKE="rhel, fedora"',
        "ID=opensuse-leap",
        "swap=/swap\\040file",
    ],
)
def test_values_that_hosts_have(line: str) -> None:
    assert host(f"{line}\n".lstrip("\n"))


@pytest.mark.parametrize(
    "line",
    [
        'ID="a b; reboot"',
        "ID=" + "x" * 65,
        "ID_LIKE=ok \x1b[31m",
        "hostname=",
        "hostname=a\x07b",
        "osrelease=" + "6" * 201,
        "arch=x86_64 extra",
        "mem=many",
        "mem=",
        "clock=-1",
        "cpus=0-",
        "cpus=a",
        "systemd=yes",
        "enforce=2",
        "route=eth0",
        "route=eth0 0000000000",
        "mount=/ ext4 rw",
        "mount=\u202e/ ext4 rw rw",
        "mystery=1",
        "no equals sign",
    ],
)
def test_a_malformed_value_is_an_error_of_the_node(line: str) -> None:
    with pytest.raises(PhaseError) as caught:
        host(f"{ROCKY}{line}\n")
    assert caught.value.code.id == "KB319"
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


def test_long_lists_are_cut() -> None:
    assert len(host("route=eth0 000200C0\n" * 900).routes) == MOST_VALUES


def test_a_probe_that_fails_or_prints_too_much_is_an_error_of_the_node() -> None:
    for found in (result("", rc=2), result(ROCKY, truncated=True)):
        with pytest.raises(PhaseError) as caught:
            read(found)
        assert caught.value.code.id == "KB319"

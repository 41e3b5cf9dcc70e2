"""The probe of the host itself, with each shell and each set of tools."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.engine.host_probe import PART, part, read
from kbootstrap.model.host_facts import HostFacts
from kbootstrap.remote.protocol import PartResult
from tests.unit.remote.conftest import Machine


def probed(machine: Machine, script: str) -> HostFacts:
    said = machine.probe(script)
    return read(PartResult(PART, 0, said, 1, skipped=False, truncated=False))


def test_it_agrees_with_python(machine: Machine) -> None:
    found = probed(machine, part().script)
    assert (found.machine, found.kernel, found.hostname) == tuple(
        getattr(os.uname(), name) for name in ("machine", "release", "nodename")
    )
    assert found.cpus == len(os.sched_getaffinity(0))
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    assert abs(found.memory_mib - total) <= 1
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if line
    )
    assert found.os_id == release["ID"].strip('"')
    assert (found.cgroup == 2) == Path("/sys/fs/cgroup/cgroup.controllers").exists()
    assert [one.split()[0] for one in found.mounts].count("/") >= 1
    assert found.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


MOUNTS = """\
1 0 8:1 / / rw,noexec,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
2 1 8:2 / /home rw - ext4 /dev/sda2 rw
3 1 8:3 / /var/lib/etcd rw,relatime master:2 - xfs /dev/sda3 ro
4 1 8:4 / /var/library rw - xfs /dev/sda4 rw
"""
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
tun0\t00000000\t0100000A\t0003\t0\t0\t0\t00000080\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
"""


# Only the last two are what templates/host/fstab.sh.j2 comments out.
FSTAB = """\
# UUID=1 none swap sw
\t#x none swap
/dev/sda1 /mnt swap-like defaults
/swap none swap sw 0 0
  UUID=2\tnone\tswap
"""


class Other:
    """Files of another host, below one directory."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine, self.folder = machine, folder

    def write(self, path: str, text: str) -> None:
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def look(self) -> HostFacts:
        script = part().script
        for name in ("/proc", "/etc/", "/sys/", "/run/", "/usr/lib/"):
            script = re.sub(rf"(?m)(^|[ =\"]){name}", rf"\1{self.folder}{name}", script)
        return replace(probed(self.machine, script), clock=0, tools=(), cgroup=2)


@pytest.fixture
def other(machine: Machine, tmp_path: Path) -> Other:
    return Other(machine, tmp_path)


def test_an_empty_host_has_no_facts(other: Other) -> None:
    (other.folder / "proc").mkdir()
    found = other.look()
    assert replace(found, machine="") == HostFacts()
    assert found.machine == os.uname().machine


def test_the_files_of_a_host(other: Other) -> None:
    other.write(
        "/usr/lib/os-release", 'NAME="SLES"\nID="sles"\nID_LIKE="suse"\nVERSION_ID="15.6"\n'
    )
    other.write("/proc/sys/kernel/arch", "aarch64\n")
    other.write("/proc/swaps", "Filename Type Size\n/dev/zram0 partition 100\n")
    other.write("/etc/fstab", FSTAB)
    other.write("/etc/ufw/ufw.conf", "# ENABLED=no\nENABLED=yes\n")
    other.write("/sys/fs/selinux/enforce", "0")
    other.write("/sys/module/apparmor/parameters/enabled", "Y\n")
    other.write("/proc/net/ip_tables_names", "nat\nfilter\n")
    other.write("/proc/self/mountinfo", MOUNTS)
    other.write("/proc/net/route", ROUTES)
    other.write("/proc/meminfo", "MemTotal:        2097152 kB\nMemFree: 7 kB\n")
    other.write("/proc/self/status", "Name:\tsed\nCpus_allowed:\tf\nCpus_allowed_list:\t0,2-3\n")
    units = other.folder / "run/systemd/units"
    (other.folder / "run/systemd/system").mkdir(parents=True)
    units.mkdir()
    for name in ("chronyd.service", "nftables.service", "ssh.service"):
        (units / f"invocation:{name}").symlink_to("4c1d0b9d")

    assert other.look() == HostFacts(
        machine="aarch64",
        os_id="sles",
        os_like=("suse",),
        os_version="15.6",
        systemd=True,
        selinux="permissive",
        apparmor=True,
        units=("nftables", "chronyd", "ufw"),
        iptables_table="nat",
        memory_mib=2048,
        cpus=3,
        swap=("/dev/zram0",),
        swap_fstab=("/swap", "UUID=2"),
        routes=("default via 192.168.1.1 dev eth0",),
        mounts=("/ ext4 noexec", "/var/lib/etcd xfs ro"),
    )


def test_etc_os_release_counts_before_the_distribution_s_own(other: Other) -> None:
    other.write("/proc/meminfo", "")
    other.write("/usr/lib/os-release", "ID=fedora\nID_LIKE=x\n")
    other.write("/etc/os-release", "ID=mine\n")
    found = other.look()
    assert (found.os_id, found.os_like) == ("mine", ())


def test_without_sed_the_rest_is_still_found(other: Other) -> None:
    script = "sed() { return 127; }\n" + part().script
    found = probed(other.machine, script)
    assert (found.os_id, found.memory_mib) == ("", 0)
    assert found.clock > 0

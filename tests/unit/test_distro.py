"""Families of distributions: which one a node's is, and the names of packages there."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kbootstrap.distro import FAMILIES, debian, family_of, install_command, rhel, suse
from kbootstrap.model.host_facts import HostFacts
from phases import tools
from tests.laws.clusters import NAMES, cluster

NODE = HostFacts(tools=("iptables",))
NEEDED = {
    name
    for known in map(cluster, NAMES)
    for node in known.nodes
    for tool in tools.tools(known, node)
    for name in tool.names
}


@pytest.mark.parametrize(
    ("os_id", "like", "family"),
    [
        ("debian", (), debian.FAMILY),
        ("ubuntu", ("debian",), debian.FAMILY),
        ("raspbian", ("debian",), debian.FAMILY),
        ("linuxmint", ("ubuntu", "debian"), debian.FAMILY),
        ("rhel", ("fedora",), rhel.FAMILY),
        ("rocky", ("rhel", "centos", "fedora"), rhel.FAMILY),
        ("fedora", (), rhel.FAMILY),
        ("amzn", ("centos", "rhel", "fedora"), rhel.FAMILY),
        ("ol", ("fedora",), rhel.FAMILY),
        ("sles", ("suse",), suse.FAMILY),
        ("opensuse-leap", ("suse", "opensuse"), suse.FAMILY),
        ("opensuse-tumbleweed", ("opensuse", "suse"), suse.FAMILY),
        ("gentoo", (), None),
        ("", (), None),
    ],
)
def test_id_counts_before_id_like(os_id: str, like: tuple[str, ...], family: object) -> None:
    assert family_of(replace(NODE, os_id=os_id, os_like=like)) is family


def test_no_two_families_have_the_same_id_or_package_manager() -> None:
    for names in (
        [name for family in FAMILIES for name in family.ids],
        [name for family in FAMILIES for name in family.installs],
    ):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("os_id", "there", "command"),
    [
        ("debian", ("apt-get",), "`apt-get install conntrack iproute2 util-linux`"),
        ("rocky", ("dnf", "yum"), "`dnf install conntrack-tools iproute util-linux`"),
        ("amzn", ("yum",), "`yum install conntrack-tools iproute util-linux`"),
        ("sles", ("zypper",), "`zypper install conntrack-tools iproute2 util-linux`"),
        ("gentoo", (), ""),
    ],
)
def test_the_command_is_the_node_s_own(os_id: str, there: tuple[str, ...], command: str) -> None:
    host = replace(NODE, os_id=os_id, tools=there)
    assert install_command(host, ["ip", "conntrack", "nsenter", "flock"]) == command


def test_a_package_from_elsewhere_says_where() -> None:
    host = replace(NODE, os_id="rhel", tools=("dnf",))
    command = install_command(host, ["containerd", "runc"])
    assert command == "`dnf install containerd.io`, see https://docs.docker.com/engine/install/"


def test_a_command_is_in_one_package() -> None:
    for family in FAMILIES:
        listed = [name for names in family.packages.values() for name in names]
        assert len(set(listed)) == len(listed)
        assert family.sources.keys() <= {family.package(one) for one in ("containerd", "crio")}


def test_debian_s_own_database_names_the_same_packages() -> None:
    """For every tool that is installed here; awk is a link, which Debian lists for no package."""
    if shutil.which("dpkg-query") is None:
        pytest.skip("NOT RUN: this is not Debian")
    for name in sorted(NEEDED):
        path = shutil.which(name)
        if path is None or name == "awk" or path.startswith("/usr/local/"):
            continue
        bare = re.sub("^/usr(?=/s?bin/)", "", path)
        search = ["dpkg-query", "--search", path, bare, str(Path(path).resolve())]
        said = subprocess.run(search, capture_output=True, text=True, check=False).stdout
        owners = {line.split(":")[0] for line in said.splitlines()}
        assert not owners or debian.FAMILY.package(name) in owners, name

"""Missing tools are one error before the first change, and only those that the node needs."""

import shutil
from pathlib import Path

import pytest

from kbootstrap import codes
from kbootstrap.engine.phase import View
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.host_facts import HostFacts
from phases import identity, tools
from tests.laws.clusters import cluster, from_text
from tests.unit.remote.conftest import Machine, machine, shell  # noqa: F401 - fixtures

TEXT = """\
cluster: {name: demo}
kubernetes: {version: VERSION}
nodes: [{name: n1, address: 192.0.2.11, role: both}]
cni: {type: CNI}
"""
BRIDGE = TEXT.replace("CNI", "bridge")


def needed(known: Cluster) -> set[str]:
    """What a fresh first node needs besides the scripts' own."""
    found = {name for tool in tools.tools(known, known.first) for name in tool.names}
    return found - set(tools.SCRIPTS)


@pytest.mark.parametrize(
    ("text", "version", "names"),
    [
        (BRIDGE, "v1.34.2", {"ip", "iptables", "runc", "curl", "wget", "mount", "losetup"}),
        (TEXT.replace("CNI", "none"), "v1.34.2", {"runc", "curl", "wget", "mount", "losetup"}),
        (
            TEXT.replace("CNI", "none") + "programs: {source: preinstalled}\n",
            "v1.31.0",
            {"runc", "mount", "ip", "iptables", "nsenter", "conntrack"},
        ),
        (
            TEXT.replace("CNI", "none")
            + "runtime: {type: cri-o}\nkubeadm: {ignore_preflight: [FileExisting-losetup]}\n",
            "v1.34.2",
            {"curl", "wget", "mount"},
        ),
    ],
)
def test_what_is_needed_depends_on_the_inventory(text: str, version: str, names: set[str]) -> None:
    assert needed(from_text(text.replace("VERSION", version))) == names


def test_a_runtime_with_another_runc_is_left_alone() -> None:
    settings = (
        "runtime: {type: containerd, settings: {plugins: {io.containerd.grpc.v1.cri: {containerd: "
        "{runtimes: {runc: {options: {BinaryName: /opt/crun}}}}}}}}\n"
    )
    assert "runc" not in needed(from_text(BRIDGE.replace("VERSION", "v1.34.2") + settings))


def errors(*lacks: str, member: bool = False) -> list[str]:
    """The messages of KB309 on the single node, which has a bridge and downloads its binaries."""
    known = cluster("single")
    facts = identity.Facts(lacks=lacks, member=member)
    view = View(cluster=known, node=known.first, facts=facts)
    found = identity.check(view)
    return [error.message for error in found if error.code is codes.TOOLS_MISSING]


def next_steps(host: HostFacts, text: str = BRIDGE) -> list[str]:
    """Of a node without runtime, iptables and runc."""
    known = from_text(text.replace("VERSION", "v1.34.2"))
    facts = identity.Facts(lacks=("iptables", "runc"))
    view = View(cluster=known, node=known.first, facts=facts, host=host)
    wanted = {codes.RUNTIME_MISSING, codes.TOOLS_MISSING}
    return [error.hint for error in identity.check(view) if error.code in wanted]


@pytest.mark.parametrize(
    ("host", "runtime", "others"),
    [
        (
            HostFacts(os_id="debian", tools=("apt-get",)),
            "`apt-get install containerd`",
            "`apt-get install iptables runc`",
        ),
        (
            HostFacts(os_id="sles", os_like=("suse",), tools=("zypper",)),
            "`zypper install containerd`",
            "`zypper install iptables runc`",
        ),
        (
            HostFacts(os_id="rocky", os_like=("rhel",), tools=("dnf", "yum")),
            "`dnf install containerd.io`, see https://docs.docker.com/engine/install/",
            "`dnf install containerd.io iptables`, see https://docs.docker.com/engine/install/",
        ),
    ],
)
def test_the_next_step_is_the_command_of_the_node_s_distribution(
    host: HostFacts, runtime: str, others: str
) -> None:
    again = "then run the same command again. Nothing was changed on the node."
    assert next_steps(host) == [f"On n1: {runtime}; {again}", f"On n1: {others}; {again}"]


def test_the_next_step_for_cri_o_names_its_package() -> None:
    text = TEXT.replace("CNI", "none") + "runtime: {type: cri-o}\n"
    (step,) = next_steps(HostFacts(os_id="ubuntu", os_like=("debian",)), text)
    assert "`apt-get install cri-o`, see https://github.com/cri-o/packaging" in step


def test_an_unknown_distribution_has_the_general_next_step() -> None:
    first, second = next_steps(HostFacts(os_id="arch"))
    assert first == codes.RUNTIME_MISSING.hint.format(node="NODE")
    assert second == codes.TOOLS_MISSING.hint.format(node="NODE")


def test_all_of_them_are_named_in_one_error() -> None:
    (message,) = errors("awk", "iptables", "runc")
    for word in (
        "awk (the scripts of kbootstrap)",
        "iptables (the pod network)",
        "runc (containerd)",
    ):
        assert word in message


def test_one_of_two_downloaders_will_do() -> None:
    assert errors("curl") == []
    assert errors("curl", "wget") == ["not installed: curl or wget (the download of the binaries)"]


def test_a_member_needs_no_more_what_only_kubeadm_asks_for() -> None:
    assert errors("losetup", member=True) == []
    assert errors("awk", member=True) != []


def test_the_probe_finds_what_is_missing(machine: Machine, tmp_path: Path) -> None:  # noqa: F811
    """In a PATH that has everything but two."""
    known = cluster("single")
    there = tmp_path / "tools"
    there.mkdir()
    gone = {"systemd-run", "iptables"}
    for tool in tools.tools(known, known.first):
        for name in set(tool.names) - gone:
            (there / name).symlink_to(shutil.which(name) or "/bin/true")

    facts = machine.probe(f"PATH={there}\n" + identity.probe(known, known.first))

    lacking = [line for line in facts.splitlines() if line.startswith("lacks=")]
    assert lacking == ["lacks=iptables", "lacks=systemd-run"]

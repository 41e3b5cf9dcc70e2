"""Prepares the host for kubeadm: swap off, modules, sysctls, the node's name."""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.action import Action, PutFile, Run
from kbootstrap.engine.phase import Phase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.host_facts import HostFacts
from kbootstrap.render import render, sha256

MODULES_FILE = "/etc/modules-load.d/95-kbootstrap.conf"
SYSCTL_FILE = "/etc/sysctl.d/95-kbootstrap.conf"
MODULES = ("overlay", "br_netfilter")
HOSTS = "/etc/hosts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/host/probe.sh.j2 prints."""

    modules_sha: str = ""
    missing_module: tuple[str, ...] = ()
    sysctl_sha: str = ""
    wrong_sysctl: tuple[str, ...] = ()  # keys whose running value differs
    resolves: bool = False  # the node's name, to one of its addresses


def sysctls(cluster: Cluster) -> tuple[tuple[str, str], ...]:
    """The sysctls that kubeadm and kube-proxy need, in the order of the file."""
    keys = ["net.ipv4.ip_forward"]
    if any(cidr.version == 6 for cidr in cluster.network.pod_cidrs):  # noqa: PLR2004
        keys += ["net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.forwarding"]
    keys += ["net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"]
    return tuple((key, "1") for key in keys)


def modules_text() -> str:
    """Content of the modules-load.d file."""
    return render("host/modules.conf.j2", modules=MODULES)


def sysctl_text(cluster: Cluster) -> str:
    """Content of the sysctl.d file."""
    return render("host/sysctl.conf.j2", sysctls=sysctls(cluster))


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    return render(
        "host/probe.sh.j2",
        modules=MODULES,
        modules_file=MODULES_FILE,
        sysctl_file=SYSCTL_FILE,
        sysctls=sysctls(cluster),
        name=node.name,
        address=node.advertise_address,
    )


def plan(view: View[Facts]) -> Iterator[Action]:
    """Swap off, modules, sysctls, hosts; each only if needed."""
    yield from _swap(view.host)
    yield from _modules(view.facts)
    yield from _sysctl(view)
    if not view.facts.resolves:
        yield Run(
            why=f"{view.node.name} does not resolve to itself",
            title=f"add {view.node.name} to {HOSTS}",
            body=render(
                "host/hosts.sh.j2", name=view.node.name, address=view.node.advertise_address
            ),
            effect={"resolves": True},
        )


def _swap(host: HostFacts) -> Iterator[Action]:
    if host.swap:
        yield Run(
            why="swap is on, and the kubelet does not start with it",
            title="turn swap off",
            body=render("host/swapoff.sh.j2"),
            effect={"host": {"swap": ()}},
        )
    if host.swap_fstab:
        yield Run(
            why="/etc/fstab turns swap on at boot",
            title="comment out the swap lines of /etc/fstab",
            body=render("host/fstab.sh.j2"),
            effect={"host": {"swap_fstab": ()}},
        )


def _modules(facts: Facts) -> Iterator[Action]:
    want = modules_text()
    if facts.modules_sha != sha256(want):
        yield PutFile(
            why="modules are not loaded at boot",
            path=MODULES_FILE,
            body=want,
            effect={"modules_sha": sha256(want)},
        )
    if facts.missing_module:
        yield Run(
            why="modules are not loaded",
            title=f"modprobe {' '.join(facts.missing_module)}",
            covers=tuple(f"modprobe {module}" for module in facts.missing_module),
            body=render("host/modprobe.sh.j2", modules=facts.missing_module),
            effect={"missing_module": ()},
        )


def _sysctl(view: View[Facts]) -> Iterator[Action]:
    facts, want = view.facts, sysctl_text(view.cluster)
    if facts.sysctl_sha != sha256(want):
        yield PutFile(
            why="sysctls are not set at boot",
            path=SYSCTL_FILE,
            body=want,
            effect={"sysctl_sha": sha256(want)},
        )
    if facts.wrong_sysctl:
        wanted = [(key, value) for key, value in sysctls(view.cluster) if key in facts.wrong_sysctl]
        yield Run(
            why="running values differ",
            title="set " + " ".join(f"{key}={value}" for key, value in wanted),
            covers=tuple(f"set {key}={value}" for key, value in wanted),
            body=render("host/set_sysctl.sh.j2", sysctls=wanted),
            effect={"wrong_sysctl": ()},
        )


def files(cluster: Cluster, node: Node) -> Iterator[tuple[str, str]]:
    """The files that are read at boot."""
    del node
    yield MODULES_FILE, modules_text()
    yield SYSCTL_FILE, sysctl_text(cluster)


PHASE = Phase(
    id="host",
    title="Host preparation",
    facts=Facts,
    probe=probe,
    plan=plan,
    files=files,
)

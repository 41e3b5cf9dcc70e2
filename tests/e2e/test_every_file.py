"""Every file of a finished node, removed or spoiled: repaired or named by `up`.

Never an init, never a reset, never a bug; and once the file is back there is nothing to do. One
file of each kind in each directory is damaged, and the records of what was done all at once; with
``--all-cases`` every file by itself.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.site import Result, Site
from tests.lab.node import Node
from tests.lab.shell import wait_until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.usefixtures("as_root"),
    pytest.mark.timeout(2400),  # some hundred runs on a busy host
]

KEPT = "/root/kept"  # the nodes' own copy of what is about to be damaged
FOUND = (
    "find /etc/kubernetes /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env"
    " /etc/cni/net.d /var/lib/kbootstrap -xdev -type f;"
    " sed -n 's/^created //p; s/^replaced //p' /var/lib/kbootstrap/ledger"
)
# Nothing that runs depends on these: records of what was done (docs/state.md), and the kubeconfig
# that kubeadm leaves for emergencies and that many sites delete.
HISTORY = (
    *("/var/lib/kbootstrap/run/", "/var/lib/kbootstrap/before", "/var/lib/kbootstrap/was"),
    *("/var/lib/kbootstrap/state.json", "/var/lib/kbootstrap/ledger", "/var/lib/kbootstrap/wrote"),
    *("/var/lib/kbootstrap/programs", "/var/lib/kbootstrap/runtime"),
    *("/etc/kubernetes/super-admin.conf", "/etc/kubernetes/tmp/"),
)
DESTRUCTIVE = ("kubeadm init (", "finish the kubeadm init", "clear the half-done", "kubeadm reset")


@pytest.fixture(scope="module")
def site(pair: Site) -> Site:
    """One control plane and one worker, up."""
    return pair


def paths(node: Node) -> list[str]:
    """The files kubeadm and kbootstrap made there."""
    found = set(node.exec(FOUND).stdout.splitlines())  # a ledger also names files that are gone
    left_out = ("/original/", "/cni/bin/", "/opt/bin/")  # the last: of a key that was put back
    there = [p for p in sorted(found) if node.exec(["test", "-f", p], check=False).returncode == 0]
    return [path for path in there if not any(part in path for part in left_out)]


def content(node: Node, path: str) -> str:
    quoted = shlex.quote(path)
    return node.exec(f"[ ! -f {quoted} ] || sha256sum <{quoted}").stdout


def serves(site: Site) -> bool:
    """The API server is ready, as the node itself finds."""
    probe = f"curl -sk https://{site.lab.nodes[0].address}:6443/readyz"
    return site.node("node1").exec(probe, check=False).stdout == "ok"


def harmless(result: Result) -> None:
    """No init, no reset, planned or done, and no bug."""
    texts = [text for _, _, text in (*result.plan, *result.actions)]
    assert [text for text in texts if text.startswith(DESTRUCTIVE)] == []
    assert result.status != 70, result.err


def rounds(paths: list[str], *, each: bool) -> Iterator[list[str]]:
    """The files that are damaged before one `up` each time."""
    history = [] if each else [path for path in paths if path.startswith(HISTORY)]
    matter = [path for path in paths if path not in history]
    kinds = {path if each else Path(path).parent / Path(path).suffix: path for path in matter}
    yield from ([path] for path in kinds.values())
    if history:
        yield history


def damage(path: str, number: int) -> str:
    """A command: every other file is removed, the rest are spoiled."""
    quoted = shlex.quote(path)
    return f"echo damaged >{quoted}" if number % 2 else f"rm {quoted}"


@pytest.mark.parametrize("name", ["node1", pytest.param("node2", marks=pytest.mark.all_cases)])
def test_a_damaged_file_is_repaired_or_named(
    site: Site, name: str, request: pytest.FixtureRequest
) -> None:
    node = site.node(name)
    silent: list[str] = []
    every = paths(node)
    for damaged in rounds(every, each=request.config.getoption("--all-cases")):
        silent += found_silent(
            site, node, {path: damage(path, every.index(path)) for path in damaged}
        )
    assert silent == [], "\n".join(silent)
    assert site.run("up", "--exit-code").status == 3


def found_silent(site: Site, node: Node, damages: dict[str, str]) -> list[str]:
    """Damage these files, run `up`, and put them back: which were neither repaired nor named?"""
    before = {path: content(node, path) for path in damages}
    for path, command in damages.items():
        node.exec(f"mkdir -p {KEPT}$(dirname {shlex.quote(path)})")
        node.exec(f"cp -a {shlex.quote(path)} {KEPT}{shlex.quote(path)} && {command}")
    result = site.run("up")
    harmless(result)
    words = result.out + result.err
    silent = [
        f"{command}: exit {result.status}\n{result.out[-600:]}{result.err}"
        for path, command in damages.items()
        if content(node, path) != before[path] and path not in words
        if not path.startswith(HISTORY)
    ]
    for path in damages:
        node.exec(f"cp -a {KEPT}{shlex.quote(path)} {shlex.quote(path)}")
    wait_until("the API answers again", lambda: serves(site), timeout=60)
    return silent

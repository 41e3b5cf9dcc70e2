"""Every file of a finished node, removed and spoiled one at a time: repaired or named by `up`.

Never an init, never a reset, never a bug; and once the file is back there is nothing to do.
"""

import shlex
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.site import Result, Site
from tests.lab.node import Node
from tests.lab.shell import wait_until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.usefixtures("as_root"),
    pytest.mark.timeout(2400),  # some hundred runs on a busy machine
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
def site(kind: str, make_site: Callable[..., Site]) -> Site:
    """One control plane and one worker, up."""
    if kind != "standin":
        pytest.skip("the stand-in is quicker")
    made = make_site("files", 2)
    made.ok("up")
    return made


def paths(node: Node) -> list[str]:
    """The files kubeadm and kbootstrap made there."""
    found = set(node.exec(FOUND).stdout.splitlines())  # a ledger also names files that are gone
    left_out = ("/original/", "/cni/bin/")
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


def damages(paths: list[str]) -> Iterator[tuple[str, str]]:
    """Each file once, for a manifest costs a minute: every other one removed, the rest spoiled."""
    for number, path in enumerate(paths):
        quoted = shlex.quote(path)
        yield path, f"echo damaged >{quoted}" if number % 2 else f"rm {quoted}"


@pytest.mark.parametrize("name", ["node1", "node2"])
def test_a_damaged_file_is_repaired_or_named(site: Site, name: str) -> None:
    node = site.node(name)
    silent: list[str] = []
    for path, damage in damages(paths(node)):
        before, quoted = content(node, path), shlex.quote(path)
        node.exec(f"cp -a {quoted} {KEPT} && {damage}")
        result = site.run("up")
        harmless(result)
        repaired = content(node, path) == before
        named = path in result.out + result.err
        if not (repaired or named or path.startswith(HISTORY)):
            silent.append(f"{damage}: exit {result.status}\n{result.out[-600:]}{result.err}")
        node.exec(f"cp -a {KEPT} {quoted}")
        wait_until("the API answers again", lambda: serves(site), timeout=60)
    assert silent == []
    assert site.run("up", "--exit-code").status == 3

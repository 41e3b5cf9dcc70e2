"""The kubelet's systemd unit, kubeadm's drop-in, and crictl's configuration."""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.action import Action, PutFile, Unit
from kbootstrap.artifacts import source_of
from kbootstrap.codes import UMASK
from kbootstrap.engine import file_diff
from kbootstrap.engine.leftovers import Leftovers
from kbootstrap.engine.phase import Phase, View
from kbootstrap.errors import Finding
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render, sha256
from phases import fitness

UNIT = "/etc/systemd/system/kubelet.service"
DROP_IN = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"
LAST = "/etc/systemd/system/kubelet.service.d/zz-kbootstrap.conf"  # after drop-ins for all services
CRICTL = "/etc/crictl.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/kubelet/probe.sh.j2 prints."""

    file: tuple[str, ...] = ()  # "sha256 path"
    packaged: bool = False  # the unit that systemd runs is a package's
    enabled: bool = False
    umask: str = ""  # of the unit, with all drop-ins
    reload: bool = False  # systemd has loaded an older unit than the one on disk


def texts(cluster: Cluster, *, packaged: bool) -> tuple[tuple[str, str], ...]:
    """Path and content of each file; without the unit and its drop-in if a package brings them."""
    crictl = (CRICTL, render("kubelet/crictl.yaml.j2", socket=cluster.runtime.socket))
    last = (LAST, render("kubelet/zz-kbootstrap.conf.j2"))
    if packaged:
        return (last, crictl)
    folder = cluster.programs.bin_dir
    return (
        (UNIT, render("kubelet/kubelet.service.j2", bin_dir=folder)),
        (DROP_IN, render("kubelet/10-kubeadm.conf.j2", bin_dir=folder)),
        last,
        crictl,
    )


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only; three forks."""
    del cluster, node
    return render("kubelet/probe.sh.j2", paths=(UNIT, DROP_IN, LAST, CRICTL))


def plan(view: View[Facts]) -> Iterator[Action]:
    """Write what differs, reload systemd, enable the kubelet."""
    facts = view.facts
    reload = facts.reload
    # A package left over from before does not decide which kubelet runs.
    packaged = facts.packaged and source_of(view.cluster).may_bring_unit
    wanted = (
        (sha256(body), path, (path, body)) for path, body in texts(view.cluster, packaged=packaged)
    )
    for (path, body), have in file_diff.missing(facts.file, wanted):
        reload = reload or path != CRICTL
        effect: dict[str, object] = {"file": have}
        yield PutFile(
            why="missing or different",
            path=path,
            body=body,
            effect=effect | ({} if path == CRICTL else {"reload": True}),
        )
    if reload:
        yield Unit(
            why="the unit has changed",
            command="daemon-reload",
            effect={"reload": False},
        )
    if not facts.enabled:
        yield Unit(
            why="not started at boot",
            command="enable",
            name="kubelet.service",
            effect={"enabled": True},
        )


def check(view: View[Facts]) -> Iterator[Finding]:
    """Refuse a umask from a drop-in that sorts after kbootstrap's."""
    facts = view.facts
    placed = any(line.endswith(f" {LAST}") for line in facts.file)
    if placed and not facts.reload and fitness.closes(facts.umask):
        yield Finding(UMASK, f"kubelet.service has UMask={facts.umask} despite {LAST}")


def files(cluster: Cluster, node: Node) -> tuple[tuple[str, str], ...]:
    """As for a kubelet that no package brought."""
    del node
    return texts(cluster, packaged=False)


def leaves(cluster: Cluster, node: Node) -> Leftovers:
    """What the kubelet makes when it runs."""
    del cluster, node
    return Leftovers(
        units=("kubelet.service",),
        slices=("kubepods.slice",),
        mounts=("/var/lib/kubelet",),
        emptied=("/var/lib/kubelet", "/var/log/pods", "/var/log/containers"),
        directories=("/usr/libexec/kubernetes",),
        chains=("KUBE-",),
    )


PHASE = Phase(
    id="kubelet",
    title="Kubelet unit",
    facts=Facts,
    probe=probe,
    plan=plan,
    check=check,
    files=files,
    leaves=leaves,
)

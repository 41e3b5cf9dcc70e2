"""The kubelet's systemd unit, kubeadm's drop-in, and crictl's configuration."""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.action import Action, PutFile, Unit
from kbootstrap.engine.phase import Phase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render, sha256
from phases.placed import lacking

UNIT = "/etc/systemd/system/kubelet.service"
DROP_IN = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"
CRICTL = "/etc/crictl.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/kubelet/probe.sh.j2 prints."""

    file: tuple[str, ...] = ()  # "sha256 path"
    packaged: bool = False  # a package brought its own unit
    enabled: bool = False
    reload: bool = False  # systemd runs an older unit than the one on disk


def texts(cluster: Cluster, *, packaged: bool) -> tuple[tuple[str, str], ...]:
    """Path and content of each file; a packaged kubelet keeps its own unit."""
    crictl = (CRICTL, render("kubelet/crictl.yaml.j2", socket=cluster.runtime.socket))
    if packaged:
        return (crictl,)
    folder = cluster.programs.bin_dir
    return (
        (UNIT, render("kubelet/kubelet.service.j2", bin_dir=folder)),
        (DROP_IN, render("kubelet/10-kubeadm.conf.j2", bin_dir=folder)),
        crictl,
    )


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only; three forks."""
    del cluster, node
    return render("kubelet/probe.sh.j2", paths=(UNIT, DROP_IN, CRICTL))


def plan(view: View[Facts]) -> Iterator[Action]:
    """Write what differs, have systemd read it, start the kubelet at boot."""
    facts = view.facts
    reload = facts.reload
    files = (
        (sha256(body), path, (path, body))
        for path, body in texts(view.cluster, packaged=facts.packaged)
    )
    for (path, body), have in lacking(facts.file, files):
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
            why="systemd has to read the changed unit",
            verb="daemon-reload",
            effect={"reload": False},
        )
    if not facts.enabled:
        yield Unit(
            why="not started at boot",
            verb="enable",
            name="kubelet.service",
            effect={"enabled": True},
        )


PHASE = Phase(id="kubelet", title="Kubelet unit", facts=Facts, probe=probe, plan=plan)

"""kubeadm's configuration and patches on the node, accepted by kubeadm's own strict check.

Unknown fields are only warnings to ``init`` and ``join`` (contract, section 1.3), so the
file passes ``kubeadm config validate`` before anything uses it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from kbootstrap import kubeadm
from kbootstrap.action import Action, PutFile, Remove, Run
from kbootstrap.engine.phase import Phase, View
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.render import render, sha256
from phases.placed import lacking, unwanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the probe prints."""

    file: tuple[str, ...] = ()  # "sha256 path"
    validated: str = ""  # sha256 of the configuration kubeadm accepted last, and its version


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only."""
    del cluster, node
    return render("kubeadm/config_probe.sh.j2", config=kubeadm.CONFIG, patches=kubeadm.PATCHES)


def _files(view: View[Facts]) -> Iterator[tuple[str, str]]:
    yield kubeadm.CONFIG, kubeadm.init_config(view.cluster, view.node)
    for name, text in sorted(view.bits.texts.items()):
        yield f"{kubeadm.PATCHES}/{PurePosixPath(name).name}", text


def plan(view: View[Facts]) -> Iterator[Action]:
    """Write what differs, remove patches no longer wanted, and have kubeadm judge it."""
    files = dict(_files(view))
    have = view.facts.file
    wanted_files = ((sha256(body), path, (path, body)) for path, body in files.items())
    for (path, body), placed in lacking(have, wanted_files):
        have = placed
        yield PutFile(
            why="missing or different", path=path, body=body, mode=0o600, effect={"file": have}
        )
    for path, left in unwanted(have, files):
        yield Remove(
            why="kubeadm would apply a patch that is no longer in the inventory",
            path=path,
            effect={"file": left},
        )
    wanted = f"{sha256(files[kubeadm.CONFIG])} {view.cluster.version}"
    if view.facts.validated != wanted:
        yield Run(
            why="kubeadm has not judged this configuration yet",
            title=f"kubeadm config validate ({view.cluster.version})",
            body=render(
                "kubeadm/validate.sh.j2",
                config=kubeadm.CONFIG,
                version=view.cluster.version,
                verdict=wanted,
            ),
            effect={"validated": wanted},
        )


PHASE = Phase(
    id="kubeadm-config", title="kubeadm configuration", facts=Facts, probe=probe, plan=plan
)

"""Binaries that are plain files on a node: what the three sources have in common.

Called by `phases`; all is pure. A file is identified by its sha256.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from kbootstrap import node_paths
from kbootstrap.action import Action, FetchBinary, PutBinary
from kbootstrap.artifacts.artifact import Artifact
from kbootstrap.artifacts.source import Have
from kbootstrap.components import BINARIES, KUBEADM, KUBECTL, KUBELET
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.placeholders import filled
from kbootstrap.render import render

STAGE = f"{node_paths.STATE_DIR}/upgrade"


@dataclass(frozen=True)
class Binaries:
    """A source whose artifacts are executable files in `programs.bin_dir`; see `Source`."""

    cluster: Cluster
    places: ClassVar[bool] = True
    may_bring_unit: ClassVar[bool] = False
    download_tools: ClassVar[tuple[str, ...]] = ()

    def urls(self, architecture: str) -> Iterator[str]:
        if url := self.cluster.programs.cni_plugins_url:
            yield filled(url, architecture, self.cluster.version)

    def probe(self) -> str:
        return self._probe(self._bin_dir, node_paths.CNI_BINARY_DIR)

    def probe_staged(self) -> str:
        return self._probe(self._bin_dir, node_paths.CNI_BINARY_DIR, STAGE)

    def place(self, artifact: Artifact) -> str:
        return f"{node_paths.CNI_BINARY_DIR if artifact.cni else self._bin_dir}/{artifact.name}"

    def install(self, artifact: Artifact, place: str, have: Have) -> Action:
        why, sha256, effect = "missing, or not the wanted one", artifact.sha256, {"have": have}
        if artifact.url:
            return FetchBinary(why=why, path=place, url=artifact.url, sha256=sha256, effect=effect)
        return PutBinary(
            why=why,
            path=place,
            source=artifact.path,
            size=artifact.size,
            sha256=sha256,
            effect=effect,
        )

    def stage(self, artifact: Artifact, have: Have) -> str:
        place = self.place(artifact)
        if artifact.name not in BINARIES or artifact.cni or f"{artifact.sha256} {place}" in have:
            return place
        return f"{STAGE}/{artifact.name}"

    def activate_kubeadm(self) -> str:
        return self._activate("upgrade/kubeadm.sh.j2", KUBEADM)

    def kubeadm_activated(self, have: Have) -> Have:
        staged = next((line for line in have if line.endswith(f" {STAGE}/{KUBEADM}")), "")
        if not staged:
            return have
        place = f"{self._bin_dir}/{KUBEADM}"
        kept = (line for line in have if line != staged and not line.endswith(f" {place}"))
        return (*kept, f"{staged.partition(' ')[0]} {place}")

    def activate_kubelet(self) -> str:
        return self._activate("upgrade/programs.sh.j2", KUBECTL, KUBELET)

    @property
    def _bin_dir(self) -> str:
        return self.cluster.programs.bin_dir

    def _probe(self, *directories: str) -> str:
        return render(
            "programs/probe.sh.j2",
            record=node_paths.BINARY_SUMS,
            folders=directories,
            names=(*BINARIES, "crictl"),
        )

    def _activate(self, template: str, *names: str) -> str:
        place = render(
            "upgrade/place.sh.j2",
            stage=STAGE,
            bin_dir=self._bin_dir,
            names=names,
            record=node_paths.BINARY_SUMS,
        )
        return render(template, version=str(self.cluster.version), stage=STAGE, place=place)

"""What a source of artifacts answers: the `Source` protocol.

Commands call `resolve` and `releases`, which read the workstation's disk and the network. Phases
call the other methods, which are pure. There is no method to undo an installation: each script
that installs a file records it in the node's ledger, from which `reset` restores the node.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from kbootstrap.action import Action
from kbootstrap.artifacts.artifact import Artifact
from kbootstrap.model.versions import Version

Have = tuple[str, ...]  # lines "IDENTITY PLACE" of what is on a node, as a probe prints them


class Source(Protocol):
    """Where the binaries come from; one implementation for each value of `programs.source`."""

    @property
    def places(self) -> bool:
        """Whether kbootstrap puts the binaries on the nodes; False: they are already there."""

    @property
    def may_bring_unit(self) -> bool:
        """Whether kubelet.service may come with the kubelet; False: kbootstrap writes it."""

    @property
    def download_tools(self) -> tuple[str, ...]:
        """Tools of which a node needs one, to download; empty: nodes download nothing."""

    def resolve(self, architecture: str) -> Iterator[Artifact]:
        """Everything to put on a node of this architecture.

        Raises:
            PhaseError: KB311, a binary is not available.
            TrustError: KB502, a download is not what its site published.

        """

    def urls(self, architecture: str) -> Iterator[str]:
        """Everything that `resolve` downloads or that the nodes download, apart from checksums."""

    def releases(self, minors: Iterable[int]) -> Mapping[int, Version]:
        """The newest available release of each of these minors."""

    def probe(self) -> str:
        """Shell that prints ``have`` lines; ``version`` lines of what kbootstrap does not place."""

    def place(self, artifact: Artifact) -> str:
        """The path of an artifact on the node, as in a ``have`` line."""

    def install(self, artifact: Artifact, place: str, have: Have) -> Action:
        """Bring an artifact to a place; ``have`` is what the node has afterwards."""

    def probe_staged(self) -> str:
        """As `probe`, with what is staged for an upgrade."""

    def stage(self, artifact: Artifact, have: Have) -> str:
        """The place where an artifact waits for the upgrade of its node.

        It is the final place if the artifact is there already, or if it may change at any time.
        """

    def activate_kubeadm(self) -> str:
        """Shell that checks the staged versions and puts kubeadm in its final place."""

    def kubeadm_activated(self, have: Have) -> Have:
        """What the node has after that; the same if no kubeadm is staged."""

    def activate_kubelet(self) -> str:
        """Shell that checks the staged kubelet and puts it and kubectl in their final places."""

"""The model of everything that is put on a node or into the cluster: `Artifact`."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["binary", "archive", "package", "image", "chart", "manifest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One thing to put on a node, with the place it comes from and the checksum it must have.

    Attributes:
        name: such as ``kubelet``.
        sha256: in hex.
        kind: what it is; a source decides by it how it is installed.
        version: of its release, such as ``v1.34.2``; empty if the source does not know it.
        architecture: ``amd64`` or ``arm64``; empty if it fits every node.
        path: the file on the operator's workstation; empty if the node downloads it.
        url: where the node downloads it; empty if the workstation sends it.
        size: bytes of the file at `path`.
        cni: it is a CNI plugin, which has a directory of its own on the node.

    """

    name: str
    sha256: str
    kind: Kind = "binary"
    version: str = ""
    architecture: str = ""
    path: str = ""
    url: str = ""
    size: int = 0
    cni: bool = False

    @property
    def identity(self) -> str:
        """What a node must have to have this artifact: the checksum, or a package's version."""
        return self.version if self.kind == "package" else self.sha256

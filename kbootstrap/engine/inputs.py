"""What a plan sees of the operator's workstation: files that are read once, and what may change.

Made by `kbootstrap.run` before planning; only local actions replace `LocalState`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kbootstrap.artifacts import Artifact
from kbootstrap.model.document import Document
from kbootstrap.model.etcd import Held


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFile:
    """A snapshot of etcd on the workstation; sha256 is empty until it is copied there."""

    path: str
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class LocalInputs:
    """The operator's files, read once before the plan.

    Attributes:
        patches: files of kubeadm.patches_dir, name -> text.
        programs: architecture -> artifacts to install.
        manifests: the objects of the CNI manifests, each with its file or URL.
        kubeconfig: the path to write; empty if none is written.

    """

    patches: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, tuple[Artifact, ...]] = field(default_factory=dict)
    manifests: tuple[tuple[str, Document], ...] = ()
    kubeconfig: str = ""


@dataclass(frozen=True, slots=True)
class LocalState:
    """What local actions of a plan change, read again after each of them.

    Attributes:
        kubeconfig_ca: PEM of the CA that the operator's kubeconfig trusts; empty if there is none.
        kubeconfig_ends: when its client certificate expires, seconds since 1970; 0 without one.
        kubeconfig_server: ``host:port`` that it names.
        snapshot: the file to copy a snapshot of etcd to, or to restore it from.
        wipe: what the external etcd holds and the user wants to delete; None: nothing.

    """

    kubeconfig_ca: str = ""
    kubeconfig_ends: int = 0
    kubeconfig_server: str = ""
    snapshot: SnapshotFile = SnapshotFile(path="")
    wipe: Held | None = None

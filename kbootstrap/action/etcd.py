"""Changes made, or awaited, in etcd, and snapshots of it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.action.api import ApiAction
from kbootstrap.action.host import HostAction, put_command
from kbootstrap.action.local import LocalAction


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcdAction(ApiAction):
    """A change made, or awaited, through etcd's JSON gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember(EtcdAction):
    """Remove a member unless the others would lose quorum; no error if it is already removed.

    Attributes:
        member: its id, decimal.
        name: for the plan line.

    """

    member: str
    name: str

    @property
    def text(self) -> str:
        return f"remove etcd member {self.name} ({int(self.member):x})"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitEtcd(EtcdAction):
    """Wait until every member is healthy and none is a learner."""

    waits: bool = True
    seconds: int = 300

    @property
    def text(self) -> str:
        return "wait until every etcd member is healthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitVoters(EtcdAction):
    """Wait until no other member is a learner, for etcd takes one at a time.

    Attributes:
        but: host of the peer URL of the joining member, which is ignored.
        nodes: host and name of each node, to name the node of a learner.

    """

    but: str
    nodes: tuple[tuple[str, str], ...]
    waits: bool = True
    seconds: int = 30

    @property
    def text(self) -> str:
        return "wait until etcd can take a new member"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckEtcdEmpty(LocalAction):
    """Check that an external etcd holds no cluster.

    Attributes:
        prefix: of kube-apiserver's keys.
        endpoint: for the plan line.

    """

    prefix: str
    endpoint: str
    waits: bool = True

    @property
    def text(self) -> str:
        return f"check that {self.endpoint} holds nothing below {self.prefix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WipeEtcd(LocalAction):
    """Remove a cluster's keys from an external etcd.

    Attributes:
        prefix: of kube-apiserver's keys.
        endpoint: for the plan line.
        found: what it holds, for the plan line.

    """

    prefix: str
    endpoint: str
    found: str

    @property
    def text(self) -> str:
        return f"remove everything below {self.prefix} from {self.endpoint} ({self.found})"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFile(HostAction):
    """Download a file from a node; the sha256 is sent first.

    Attributes:
        path: the file on the node; ``PATH.sha256`` beside it holds its sum and a newline.
        into: the local file, 0600; it exists only once it is complete.

    """

    path: str
    into: str

    @property
    def text(self) -> str:
        return f"copy {self.path} to the local file {self.into}"

    def script(self) -> str:
        return shlex.join(["cat", f"{self.path}.sha256", self.path])


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSnapshot(HostAction):
    """Upload a local snapshot; its sha256 is checked."""

    path: str
    source: str  # local path
    size: int
    sha256: str

    @property
    def text(self) -> str:
        return f"place {self.path} ({self.size / 1e6:.1f} MB, sha256 {self.sha256[:12]})"

    def script(self) -> str:
        return put_command(self.path, 0o600, "root:root", self.size, self.sha256)

    def content(self, values: Mapping[str, str]) -> Path:
        del values
        return Path(self.source)

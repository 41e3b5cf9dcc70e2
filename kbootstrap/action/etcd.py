"""Changes made, or awaited, at the cluster's own etcd; and its snapshots, which are files."""

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
    """Remove a member, unless those that stay have no quorum; one that is gone will do.

    Attributes:
        member: its id, decimal.
        name: for people.

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
        but: the member that does not count, by the host of its peer URL: the one that joins.
        nodes: host and name of each node, to say whose a learner is.

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
    """See that an external etcd holds no cluster yet.

    Attributes:
        prefix: of kube-apiserver's keys.
        endpoint: for people.

    """

    prefix: str
    endpoint: str
    waits: bool = True

    @property
    def text(self) -> str:
        return f"see that {self.endpoint} holds nothing below {self.prefix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WipeEtcd(LocalAction):
    """Remove a cluster's keys from an external etcd.

    Attributes:
        prefix: of kube-apiserver's keys.
        endpoint: for people.
        found: likewise, what is there.

    """

    prefix: str
    endpoint: str
    found: str

    @property
    def text(self) -> str:
        return f"remove everything below {self.prefix} from {self.endpoint} ({self.found})"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFile(HostAction):
    """Copy a file of a machine here, streamed; the machine says its sha256 first.

    Attributes:
        path: the file there; ``PATH.sha256`` beside it holds its sum and a newline.
        into: the file here, 0600; it is there when all of it is.

    """

    path: str
    into: str

    @property
    def text(self) -> str:
        return f"copy {self.path} to {self.into} here"

    def script(self) -> str:
        return shlex.join(["cat", f"{self.path}.sha256", self.path])


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSnapshot(HostAction):
    """Place a snapshot of the operator's; checked by its sha256."""

    path: str
    source: str  # path at the operator
    size: int
    sha256: str

    @property
    def text(self) -> str:
        return f"place {self.path} ({self.size / 1e6:.1f} MB, sha256 {self.sha256[:12]})"

    def script(self) -> str:
        return put_command(self.path, 0o600, "root:root", self.size, self.sha256)

    def content(self, slots: Mapping[str, str]) -> Path:
        del slots
        return Path(self.source)

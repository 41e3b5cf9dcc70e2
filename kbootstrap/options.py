"""The flags of a command, as data; made once by `kbootstrap.cli`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the user gave on the command line."""

    inventory: Path = Path("inventory.yaml")
    verb: str = ""
    nodes: tuple[str, ...] = ()
    limit: tuple[str, ...] = ()  # node names or roles
    forks: int = 64
    yes: bool = False
    output: Literal["text", "json"] = "text"
    verbose: int = 0
    log_file: Path | None = None
    adopt: bool = False  # up, plan: manage a cluster that has no record of kbootstrap yet
    source: str = ""  # import: [USER@]HOST[:PORT] of a control plane
    key: Path | None = None  # import: the private key to log in with
    become: bool = False  # import: through sudo
    exit_code: bool = False  # report "nothing to do" and "changes pending" as exit status
    dry_run: bool = False
    diff: bool = False  # plan: the changes of files as text
    save: Path | None = None  # plan: write it to this file
    plan: Path | None = None  # up: carry out the plan in this file
    all_or_nothing: bool = False  # stop if any node does not answer
    phase: str = ""
    from_phase: str = ""
    until_phase: str = ""
    known_hosts: Path | None = None
    accept_new: bool = False
    force_drain: bool = False
    delete_emptydir_data: bool = False
    restore_host: bool = False  # reset: also restore running values
    unreachable: bool = False  # reset: the nodes are gone; only remove them from the cluster
    without_api: bool = False  # reset: the cluster is gone; only clean the nodes
    destroy_cluster: bool = False  # reset: with yes, the cluster itself may be removed
    wipe_external_etcd: bool = False  # reset: also delete the cluster's keys from an external etcd
    within: int | None = None  # certs: seconds in which a certificate expires; None: see there
    no_drain: bool = False
    version: str = ""  # --to of upgrade
    via: tuple[str, ...] = ()
    no_signatures: bool = False  # pin
    arch: tuple[str, ...] = ()  # pin: instead of the architectures of the nodes
    only: Literal["control-plane", "worker", ""] = ""
    max_unavailable: str = "10%"
    programs: Path | None = None
    kubeconfig: Path | None = None
    write: Path | None = None
    to: Path | None = None
    sub: str = ""  # of a command that has several, such as `etcd snapshot`
    file: Path | None = None
    layout: str = ""
    graph: bool = False

    @property
    def command(self) -> str:
        """The command's name, such as ``up`` or ``certs renew``."""
        return f"{self.verb} {self.sub}".strip()

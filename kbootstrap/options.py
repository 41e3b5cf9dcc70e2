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
    exit_code: bool = False  # report "nothing to do" and "changes pending" as exit status
    dry_run: bool = False
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
    no_drain: bool = False
    version: str = ""  # --to of upgrade
    via: tuple[str, ...] = ()
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

"""The flags, as data. Made by ``cli``, read by the verbs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user said on the command line."""

    inventory: Path
    verb: str = ""
    nodes: tuple[str, ...] = ()
    limit: tuple[str, ...] = ()  # node names or roles
    forks: int = 64
    yes: bool = False
    output: Literal["text", "json"] = "text"
    verbose: int = 0
    log_file: Path | None = None
    exit_code: bool = False  # tell "nothing to do" and "changes pending" by exit status
    dry_run: bool = False
    phase: str = ""
    from_phase: str = ""
    until_phase: str = ""
    known_hosts: Path | None = None
    accept_new: bool = False
    force_drain: bool = False
    delete_emptydir_data: bool = False
    restore_host: bool = False  # reset: running values we changed go back too
    unreachable: bool = False  # reset: the machines are gone, only the cluster forgets them
    without_api: bool = False  # reset: the cluster is gone, only the machines are cleaned
    destroy_cluster: bool = False  # reset: with yes, the cluster itself may go
    wipe_external_etcd: bool = False  # reset: the cluster's keys go from an etcd not ours
    no_drain: bool = False
    version: str = ""  # --to of upgrade
    via: tuple[str, ...] = ()
    only: Literal["control-plane", "worker", ""] = ""
    max_unavailable: str = "10%"
    programs: Path | None = None
    kubeconfig: Path | None = None
    write: Path | None = None
    to: Path | None = None
    sub: str = ""  # of a verb that has several, such as `etcd snapshot`
    file: Path | None = None
    layout: str = ""
    graph: bool = False

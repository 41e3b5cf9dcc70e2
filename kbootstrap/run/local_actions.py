"""Performs the actions of a plan that happen on the operator's workstation."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from kbootstrap import codes
from kbootstrap.action import CheckEtcdEmpty, LocalAction, StoreSnapshot, WipeEtcd, WriteKubeconfig
from kbootstrap.atomic_file import write_private
from kbootstrap.codes import NOT_WIPED
from kbootstrap.engine.inputs import LocalState
from kbootstrap.errors import PhaseError, RefusedError
from kbootstrap.remote.external_etcd import ExternalEtcd
from kbootstrap.run import etcd_snapshot_file, local_inputs
from kbootstrap.run.api_connection import ApiConnection


def perform(
    action: LocalAction,
    local: LocalState,
    *,
    api: ApiConnection,
    external: ExternalEtcd | None,
    kubeconfig: Callable[[], str],
) -> LocalState:
    """Perform one action; returns what plans see of the workstation afterwards.

    Raises:
        KbError: a file cannot be written, or the external etcd cannot be wiped.

    """
    if isinstance(action, WriteKubeconfig):
        _write_kubeconfig(Path(action.path), kubeconfig())
        return local_inputs.kubeconfig(local, Path(action.path))
    if isinstance(action, CheckEtcdEmpty):
        api.prove_empty()
    if isinstance(action, WipeEtcd):
        if external is None:
            raise RefusedError(NOT_WIPED, "the certificate to log in is not known")
        external.wipe(action.prefix)
        return dataclasses.replace(local, wipe=None)
    if isinstance(action, StoreSnapshot):
        return dataclasses.replace(local, snapshot=etcd_snapshot_file.complete(Path(action.path)))
    return local


def _write_kubeconfig(path: Path, text: str) -> None:
    try:
        write_private(path, text)
    except OSError as error:
        raise PhaseError(codes.OWN_DISK, f"{path}: {(error.strerror or '').lower()}") from error

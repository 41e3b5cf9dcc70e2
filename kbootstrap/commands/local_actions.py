"""Carries out the actions of a plan that happen on the operator's workstation.

What a plan looks at of the operator's files (`Bits`) is read again after each of them.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from kbootstrap import codes
from kbootstrap.action import CheckEtcdEmpty, LocalAction, StoreSnapshot, WipeEtcd, WriteKubeconfig
from kbootstrap.atomic_file import write_private
from kbootstrap.codes import NOT_WIPED
from kbootstrap.commands import snapshots
from kbootstrap.errors import PhaseError, RefusedError
from kbootstrap.kubeconfig_file import trusted_ca

if TYPE_CHECKING:
    from kbootstrap.commands.session import Session


def carry_out(session: "Session", action: LocalAction) -> None:
    """Carry out one action.

    Raises:
        KbError: a file cannot be written, or the external etcd cannot be wiped.

    """
    if isinstance(action, WriteKubeconfig):
        ca = _write_kubeconfig(session, Path(action.path))
        session.bits = dataclasses.replace(session.bits, kubeconfig_ca=ca)
    elif isinstance(action, CheckEtcdEmpty):
        session.access.prove_empty()
    elif isinstance(action, WipeEtcd):
        if session.external is None:
            raise RefusedError(NOT_WIPED, "the way to log in is not known")
        session.external.wipe(action.prefix)
        session.bits = dataclasses.replace(session.bits, wipe=None)
    elif isinstance(action, StoreSnapshot):
        kept = snapshots.keep(Path(action.path))
        session.bits = dataclasses.replace(session.bits, snapshot=kept)


def _write_kubeconfig(session: "Session", path: Path) -> str:
    """Returns the CA that the file trusts now."""
    try:
        write_private(path, session.kubeconfig())
    except OSError as error:
        raise PhaseError(codes.OWN_DISK, f"{path}: {(error.strerror or '').lower()}") from error
    return trusted_ca(path)

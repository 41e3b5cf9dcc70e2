"""The phases, one file each, and which of them a verb runs, in order."""

from kbootstrap.engine.phase import AnyPhase
from phases import (
    certificates,
    etcd_restore,
    etcd_snapshot,
    identity,
    install,
    kubeadm_config,
    reset,
    reset_clean,
    reset_etcd,
    upgrade,
    upgrade_prepare,
    upgrade_repair,
)

UP: tuple[AnyPhase, ...] = (identity.PHASE, *install.PHASES)

RESET: tuple[AnyPhase, ...] = (
    reset.DRAIN,
    reset.MEMBER,
    reset.LEAVE,
    reset.NODE_OBJECT,
    reset_clean.CLEAN,
)

# The machine is gone: nothing is asked of it.
RESET_GONE: tuple[AnyPhase, ...] = (reset.MEMBER, reset.NODE_OBJECT)

# The cluster is gone, or goes with its last control plane: nobody has to agree.
RESET_ALL: tuple[AnyPhase, ...] = (reset.LEAVE, reset_etcd.PHASE, reset_clean.CLEAN)

# The verb makes them anew with a label of its own.
ETCD_SNAPSHOT: tuple[AnyPhase, ...] = (etcd_snapshot.take("manual"), etcd_snapshot.copy("manual"))

ETCD_RESTORE: tuple[AnyPhase, ...] = (
    etcd_restore.STOP,
    etcd_restore.RESTORE,
    etcd_restore.START,
    etcd_restore.READY,
)

# One hop. kubeadm's configuration is written for the new release, so `up` finds it done.
UPGRADE: tuple[AnyPhase, ...] = (
    upgrade_prepare.PHASE,
    kubeadm_config.PHASE,
    upgrade_prepare.IMAGES,
    upgrade.CONTROL_PLANE,
    upgrade.WORKER,
)

ALL = (
    *UP,
    *RESET,
    reset_etcd.PHASE,
    certificates.PHASE,
    upgrade_repair.PHASE,
    *UPGRADE,
    *ETCD_SNAPSHOT,
    *ETCD_RESTORE,
)

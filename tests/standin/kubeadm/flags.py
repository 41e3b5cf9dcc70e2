"""What all commands share about flags."""

from __future__ import annotations

from tests.standin.common.flags import Flags
from tests.standin.common.klog import FatalError

GLOBAL = "rootfs v help? log-file"
_ALLOWED = {
    "config", "ignore-preflight-errors", "dry-run", "kubeconfig", "node-name", "kubeconfig-dir",
    "upload-certs", "print-manifest", "allow-missing-template-keys", "output",
    "show-managed-fields", "print-join-command", "rootfs", "v", "log-file", "yes",
}  # fmt: skip


def mixed(flags: Flags) -> None:
    """--config tolerates few other flags."""
    if not flags.get("config"):
        return
    bad = [n for n in flags.changed() if n not in _ALLOWED and not n.startswith("skip-")]
    if bad:
        raise FatalError(f"can not mix '--config' with arguments [{' '.join(bad)}]")

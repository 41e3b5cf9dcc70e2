"""Checks that a schema cannot express; each covers one concern and yields all violations.

Checks are pure except that they read local files (patches, sources, directories). They run on
what is left of an inventory after its broken parts were removed; `load` drops violations at
paths that are already known to be broken.
"""

from kbootstrap.model.checks import (
    arguments,
    documents,
    downloads,
    files,
    kubeadm,
    network,
    nodes,
    roles,
)
from kbootstrap.model.checks.base import Check, CheckContext

CHECKS: tuple[Check, ...] = (
    *nodes.CHECKS,
    *roles.CHECKS,
    *network.CHECKS,
    *kubeadm.CHECKS,
    *arguments.CHECKS,
    *documents.CHECKS,
    *files.CHECKS,
    *downloads.CHECKS,
)

__all__ = ["CHECKS", "CheckContext"]

"""What a schema cannot say: each check looks at one concern and reports all it finds.

Checks are pure but for the operator's own files (patches, sources, folders). They judge
what is left of an inventory after its broken parts were taken out; `load` drops what they
say about a place that is already known to be wrong.
"""

from kbootstrap.model.checks import arguments, documents, files, kubeadm, network, nodes, roles
from kbootstrap.model.checks.base import Check, CheckContext

CHECKS: tuple[Check, ...] = (
    *nodes.CHECKS,
    *roles.CHECKS,
    *network.CHECKS,
    *kubeadm.CHECKS,
    *arguments.CHECKS,
    *documents.CHECKS,
    *files.CHECKS,
)

__all__ = ["CHECKS", "CheckContext"]

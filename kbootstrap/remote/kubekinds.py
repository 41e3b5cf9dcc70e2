"""The kinds of the Kubernetes API that kbootstrap itself reads and writes.

Every server that kubeadm makes serves them, so they need no discovery.
"""

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of objects, or a subresource of it.

    Attributes:
        api_version: such as "apps/v1".
        kind: such as "DaemonSet".
        plural: its name in paths.
        namespaced: whether its objects are in namespaces.
        sub: of a subresource, its name in paths.

    """

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    sub: str = ""

    def namespace_of(self, data: dict[str, Any]) -> str:
        """The namespace of an object of this kind; empty if such objects have none."""
        return str(data["metadata"].get("namespace") or "default") if self.namespaced else ""


NODES = Kind("v1", "Node", "nodes", namespaced=False)
PODS = Kind("v1", "Pod", "pods")
EVICTIONS = replace(PODS, sub="eviction")
LOGS = replace(PODS, sub="log")
SECRETS = Kind("v1", "Secret", "secrets")
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps")
EVENTS = Kind("v1", "Event", "events")
BUDGETS = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
LEASES = Kind("coordination.k8s.io/v1", "Lease", "leases")
DAEMON_SETS = Kind("apps/v1", "DaemonSet", "daemonsets")
DEPLOYMENTS = Kind("apps/v1", "Deployment", "deployments")
STATEFUL_SETS = Kind("apps/v1", "StatefulSet", "statefulsets")
SERVICES = Kind("v1", "Service", "services")
SERVICE_ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts")
_RBAC = "rbac.authorization.k8s.io/v1"
ROLES = Kind(_RBAC, "Role", "roles")
ROLE_BINDINGS = Kind(_RBAC, "RoleBinding", "rolebindings")
CLUSTER_ROLES = Kind(_RBAC, "ClusterRole", "clusterroles", namespaced=False)
CLUSTER_ROLE_BINDINGS = Kind(_RBAC, "ClusterRoleBinding", "clusterrolebindings", namespaced=False)
WORKLOADS = {one.kind: one for one in (DAEMON_SETS, DEPLOYMENTS, STATEFUL_SETS)}
OF_ADDONS = {
    one.kind: one
    for one in (
        *(CONFIG_MAPS, DAEMON_SETS, DEPLOYMENTS, SERVICES, SERVICE_ACCOUNTS),
        *(ROLES, ROLE_BINDINGS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS),
    )
}

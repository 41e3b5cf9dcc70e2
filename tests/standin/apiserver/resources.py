"""Which resources exist: the built-in ones and those of CustomResourceDefinitions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Resource:
    """One resource of one version of one group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ("status",)
    custom: bool = False

    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def full_name(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def prefix(self, namespace: str = "") -> str:
        """The storage prefix of all objects, or those of one namespace."""
        if (self.group, self.plural) == ("", "nodes"):
            return "/registry/minions/"  # as kube-apiserver stores them
        base = f"/registry/{self.group or 'core'}/{self.plural}/"
        return f"{base}{namespace}/" if namespace else base

    def key(self, namespace: str, name: str) -> str:
        return self.prefix(namespace if self.namespaced else "-") + name


# group/version: plural Kind [short,...] [subresource,...]; a leading '.' marks cluster scope
_BUILT_IN = """
v1: .namespaces Namespace ns status,finalize
v1: .nodes Node no status
v1: .persistentvolumes PersistentVolume pv
v1: .componentstatuses ComponentStatus cs
v1: pods Pod po status,eviction,binding,log
v1: configmaps ConfigMap cm -
v1: secrets Secret - -
v1: services Service svc
v1: serviceaccounts ServiceAccount sa -
v1: endpoints Endpoints ep -
v1: events Event ev -
v1: limitranges LimitRange limits -
v1: resourcequotas ResourceQuota quota
v1: persistentvolumeclaims PersistentVolumeClaim pvc
v1: replicationcontrollers ReplicationController rc
v1: podtemplates PodTemplate - -
apps/v1: daemonsets DaemonSet ds
apps/v1: deployments Deployment deploy status
apps/v1: replicasets ReplicaSet rs status
apps/v1: statefulsets StatefulSet sts status
apps/v1: controllerrevisions ControllerRevision - -
batch/v1: jobs Job
batch/v1: cronjobs CronJob cj
autoscaling/v2: horizontalpodautoscalers HorizontalPodAutoscaler hpa
rbac.authorization.k8s.io/v1: .clusterroles ClusterRole - -
rbac.authorization.k8s.io/v1: .clusterrolebindings ClusterRoleBinding - -
rbac.authorization.k8s.io/v1: roles Role - -
rbac.authorization.k8s.io/v1: rolebindings RoleBinding - -
coordination.k8s.io/v1: leases Lease - -
policy/v1: poddisruptionbudgets PodDisruptionBudget pdb
certificates.k8s.io/v1: .certificatesigningrequests CertificateSigningRequest csr status,approval
apiextensions.k8s.io/v1: .customresourcedefinitions CustomResourceDefinition crd
apiregistration.k8s.io/v1: .apiservices APIService
storage.k8s.io/v1: .storageclasses StorageClass sc -
storage.k8s.io/v1: .csidrivers CSIDriver - -
storage.k8s.io/v1: .csinodes CSINode - -
storage.k8s.io/v1: .volumeattachments VolumeAttachment
networking.k8s.io/v1: networkpolicies NetworkPolicy netpol -
networking.k8s.io/v1: ingresses Ingress ing
networking.k8s.io/v1: .ingressclasses IngressClass - -
networking.k8s.io/v1: .servicecidrs ServiceCIDR
discovery.k8s.io/v1: endpointslices EndpointSlice - -
scheduling.k8s.io/v1: .priorityclasses PriorityClass pc -
node.k8s.io/v1: .runtimeclasses RuntimeClass - -
admissionregistration.k8s.io/v1: .validatingwebhookconfigurations ValidatingWebhookConfiguration - -
admissionregistration.k8s.io/v1: .mutatingwebhookconfigurations MutatingWebhookConfiguration - -
admissionregistration.k8s.io/v1: .validatingadmissionpolicies ValidatingAdmissionPolicy
admissionregistration.k8s.io/v1: .validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding - -
flowcontrol.apiserver.k8s.io/v1: .flowschemas FlowSchema
flowcontrol.apiserver.k8s.io/v1: .prioritylevelconfigurations PriorityLevelConfiguration
"""  # noqa: E501


def _parse(line: str) -> Resource:
    version, rest = line.split(": ")
    plural, kind, short, subs = (
        [*rest.split(), "-", "status"][:4]
        if len(rest.split()) < 3
        else ([*rest.split(), "status"][:4])
    )
    group, _, number = version.rpartition("/")
    return Resource(
        group,
        number,
        plural.lstrip("."),
        kind,
        not plural.startswith("."),
        () if short == "-" else tuple(short.split(",")),
        () if subs == "-" else tuple(subs.split(",")),
    )


BUILT_IN: dict[tuple[str, str, str], Resource] = {
    (r.group, r.version, r.plural): r for r in map(_parse, _BUILT_IN.strip().splitlines())
}


def built_in(plural: str, group: str = "") -> Resource:
    """A built-in resource by name."""
    return next(r for r in BUILT_IN.values() if (r.plural, r.group) == (plural, group))


def by_kind(kind: str, api_version: str) -> Resource | None:
    return next(
        (r for r in BUILT_IN.values() if (r.kind, r.api_version()) == (kind, api_version)), None
    )


def custom(definitions: Iterable[dict[str, Any]]) -> dict[tuple[str, str, str], Resource]:
    """The resources that CustomResourceDefinitions add."""
    out = {}
    for crd in definitions:
        spec = crd["spec"]
        names = spec["names"]
        for version in spec.get("versions", []):
            if version.get("served", True):
                resource = Resource(
                    spec["group"],
                    version["name"],
                    names["plural"],
                    names["kind"],
                    spec.get("scope", "Namespaced") == "Namespaced",
                    tuple(names.get("shortNames", [])),
                    custom=True,
                )
                out[resource.group, resource.version, resource.plural] = resource
    return out

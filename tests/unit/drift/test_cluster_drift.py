"""What differs from a live cluster's stored configuration is found: each key, set and unset."""

import dataclasses
from typing import Any

import pytest
import yaml

from kbootstrap import kubeadm
from kbootstrap.drift import of_cluster, unapplied
from kbootstrap.model.cluster import Addons, Arg, Cluster, ExternalEtcd
from kbootstrap.model.document import Document
from kbootstrap.model.observed import Observed, ObservedNode
from tests.laws.clusters import cluster

KNOWN = cluster("external-etcd")
STACKED = cluster("single")
# As kubeadm 1.34 stores them for an inventory that says nothing (kubectl get configmap).
KUBELET = """
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 0s, enabled: true}
  x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}
authorization: {mode: Webhook, webhook: {cacheAuthorizedTTL: 0s, cacheUnauthorizedTTL: 0s}}
cgroupDriver: systemd
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
crashLoopBackOff: {}
evictionPressureTransitionPeriod: 0s
fileCheckFrequency: 0s
healthzBindAddress: 127.0.0.1
healthzPort: 10248
httpCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
kind: KubeletConfiguration
logging: {flushFrequency: 0, options: {json: {infoBufferSize: "0"}, text: {infoBufferSize: "0"}}, verbosity: 0}
memorySwap: {}
nodeStatusReportFrequency: 0s
resolvConf: /run/systemd/resolve/resolv.conf
rotateCertificates: true
runtimeRequestTimeout: 0s
shutdownGracePeriod: 0s
staticPodPath: /etc/kubernetes/manifests
streamingConnectionIdleTimeout: 0s
syncFrequency: 0s
volumeStatsAggPeriod: 0s
"""  # noqa: E501
KUBE_PROXY = """
apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection: {acceptContentTypes: "", burst: 0, contentType: "", kubeconfig: /var/lib/kube-proxy/kubeconfig.conf, qps: 0}
clusterCIDR: 10.244.0.0/16
configSyncPeriod: 0s
conntrack: {maxPerCore: null, min: null, tcpBeLiberal: false, tcpCloseWaitTimeout: null}
detectLocal: {bridgeInterface: "", interfaceNamePrefix: ""}
iptables: {localhostNodePorts: null, masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s}
kind: KubeProxyConfiguration
mode: ""
nodePortAddresses: null
"""  # noqa: E501


def live(known: Cluster, **documents: Any) -> Observed:
    """The cluster as kubeadm would have made it from this inventory."""
    stored = kubeadm.cluster_configuration(known)
    kubelet = yaml.safe_load(KUBELET) | known.kubelet.data
    proxy = yaml.safe_load(KUBE_PROXY) | known.kube_proxy.data
    return Observed(
        reachable=True,
        kubeadm_config=Document.of(stored),
        kubelet_config=Document.of(kubelet | documents.get("kubelet", {})),
        kube_proxy_config=Document.of(proxy | documents.get("kube_proxy", {})),
        config_maps=frozenset({"kubeadm-config", "kubelet-config", "kube-proxy", "coredns"}),
        nodes=tuple(
            ObservedNode(name=n.name, ready=True, address=n.advertise_address) for n in known.nodes
        ),
    )


@pytest.mark.parametrize("name", ["single", "ha", "dual-stack", "external-etcd"])
def test_a_cluster_made_from_the_file_differs_in_nothing(name: str) -> None:
    known = cluster(name)
    seen = live(known)
    if not known.addons.dns:
        seen = dataclasses.replace(seen, config_maps=frozenset({"kubeadm-config"}))

    assert list(of_cluster(known, seen)) == []


def test_before_there_is_a_cluster_nothing_differs() -> None:
    assert list(of_cluster(KNOWN, Observed())) == []


def api(**changes: Any) -> dict[str, Any]:
    return {"api": dataclasses.replace(KNOWN.api, **changes)}


def network(**changes: Any) -> dict[str, Any]:
    return {"network": dataclasses.replace(KNOWN.network, **changes)}


def passed(**changes: Any) -> dict[str, Any]:
    return {"kubeadm": dataclasses.replace(KNOWN.kubeadm, **changes)}


def images(**changes: Any) -> dict[str, Any]:
    return {"images": dataclasses.replace(KNOWN.images, **changes)}


ELSEWHERE = ExternalEtcd(
    endpoints=("https://192.0.2.99:2379",), ca_file="/a", cert_file="/b", key_file="/c"
)
FIXED: dict[str, dict[str, Any]] = {
    "cluster.name": {"name": "other"},
    "network.pod_cidr": network(pod_cidrs=cluster("dual-stack").network.pod_cidrs),
    "network.service_cidr": network(service_cidrs=cluster("dual-stack").network.service_cidrs),
    "network.dns_domain": network(dns_domain="example.org"),
    "etcd.external": {"etcd": dataclasses.replace(KNOWN.etcd, external=ELSEWHERE)},
}
APPLIED: dict[str, dict[str, Any]] = {
    "api.endpoint": api(endpoint="vip.example.org:6443"),
    "api.cert_sans": api(cert_sans=("new.example.org",)),
    "kubeadm.extra_args.api_server": passed(api_server_args=(Arg("v", "4"),)),
    "kubeadm.extra_args.controller_manager": passed(controller_manager_args=(Arg("v", "4"),)),
    "kubeadm.extra_args.scheduler": passed(scheduler_args=(Arg("v", "4"),)),
    "kubeadm.feature_gates": passed(feature_gates=(("PublicKeysECDSA", True),)),
    "registry.image_repository": images(repository="mirror.example.org"),
}
LATER: dict[str, dict[str, Any]] = {
    "registry.dns": images(dns_repository="mirror.example.org"),
    "registry.dns_tag": images(dns_tag="v9"),
}


@pytest.mark.parametrize(("key", "changes"), [*FIXED.items(), *LATER.items()])
def test_a_changed_key_is_found_and_so_is_one_that_is_taken_back(
    key: str, changes: dict[str, Any]
) -> None:
    changed = dataclasses.replace(KNOWN, **changes)

    (there,) = of_cluster(changed, live(KNOWN))
    (back,) = of_cluster(KNOWN, live(changed))

    assert (there.key, back.key) == (key, key)
    assert there.fixed == back.fixed == (key in FIXED)
    assert (there.live, there.wanted) == (back.wanted, back.live)


@pytest.mark.parametrize(("key", "changes"), APPLIED.items())
def test_a_changed_key_that_phases_apply_is_not_reported(key: str, changes: dict[str, Any]) -> None:
    changed = dataclasses.replace(KNOWN, **changes)

    assert list(of_cluster(changed, live(KNOWN))) == []
    assert [one.key for one in unapplied(changed, live(KNOWN))] == [key]
    assert [one.key for one in unapplied(KNOWN, live(changed))] == [key]


def test_a_tag_of_etcd_that_is_removed_is_reported() -> None:
    etcd = dataclasses.replace(STACKED.etcd, image_tag="3.6.5-0")
    tagged = dataclasses.replace(STACKED, etcd=etcd)

    (found,) = of_cluster(STACKED, live(tagged))

    assert (found.key, found.fixed) == ("etcd.image_tag", False)
    assert list(of_cluster(tagged, live(STACKED))) == []


def test_another_data_directory_is_found() -> None:
    moved = dataclasses.replace(STACKED, etcd=dataclasses.replace(STACKED.etcd, data_dir="/srv"))

    (found,) = of_cluster(moved, live(STACKED))

    assert (found.key, found.live, found.fixed) == ("etcd.data_dir", "/var/lib/etcd", True)


def test_etcd_that_becomes_external_is_found() -> None:
    moved = dataclasses.replace(STACKED, etcd=dataclasses.replace(STACKED.etcd, external=ELSEWHERE))

    assert "etcd.external" in {d.key for d in of_cluster(moved, live(STACKED)) if d.fixed}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"evictionHard": {"memory.available": "5%"}}, ["kubelet.evictionHard.memory.available"]),
        ({"rotateCertificates": False}, ["kubelet.rotateCertificates"]),
        ({"clusterDNS": ["10.96.0.99"]}, []),
        ({"resolvConf": "/etc/other.conf"}, ["kubelet.resolvConf"]),
        ({"syncFrequency": "1m0s"}, ["kubelet.syncFrequency"]),
    ],
)
def test_what_only_the_live_kubelets_have_is_found(
    document: dict[str, Any], found: list[str]
) -> None:
    seen = live(STACKED, kubelet=document)

    assert [d.key for d in of_cluster(STACKED, seen)] == found


def test_a_duration_means_the_same_however_go_writes_it() -> None:
    known = dataclasses.replace(STACKED, kubelet=Document.of({"syncFrequency": "1m"}))

    assert list(of_cluster(known, live(STACKED, kubelet={"syncFrequency": "1m0s"}))) == []


@pytest.mark.parametrize("addons", [Addons(dns=False), Addons(kube_proxy=False)])
def test_an_addon_of_others_that_kubeadm_does_not_have_is_no_difference(addons: Addons) -> None:
    off = dataclasses.replace(STACKED, addons=addons)

    assert list(of_cluster(off, live(off))) == []


def test_a_field_of_kube_proxy_that_others_set_is_named() -> None:
    (found,) = of_cluster(STACKED, live(STACKED, kube_proxy={"mode": "ipvs"}))

    assert (found.key, found.live, found.wanted) == ("kube_proxy.mode", "ipvs", "unset")
    assert "kube-system/kube-proxy" in found.remedy


def test_a_node_that_left_the_file_is_named() -> None:
    known = cluster("ha")
    shorter = dataclasses.replace(known, nodes=known.nodes[:-1])

    (found,) = of_cluster(shorter, live(known))

    assert found.key == f"nodes.{known.nodes[-1].name}"
    assert f"kbootstrap reset {known.nodes[-1].name}" in found.remedy

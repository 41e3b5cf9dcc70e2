"""Whatever an API server or etcd answers ends with a code, and never as a bug of kbootstrap."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from kbootstrap import action as act
from kbootstrap.engine import planner
from kbootstrap.engine.phase import AnyPhase, View
from kbootstrap.errors import KbError
from kbootstrap.lock.places import Lease
from kbootstrap.model.cluster import Node
from kbootstrap.model.document import Document
from kbootstrap.model.etcd import strays, unsettled
from kbootstrap.remote import etcd as etcd_module
from kbootstrap.remote import kube_proxy, kubewrite, rollout, system_pods
from kbootstrap.remote.etcd import Etcd
from kbootstrap.remote.external_etcd import ExternalEtcd
from kbootstrap.remote.kube import Asks, KubeReader
from kbootstrap.remote.kubewrite import KubeWriter
from phases import workflows
from tests.attacks.fuzz import FUZZ, any_json, by_dice, damage, ends_with_a_code, text
from tests.laws.clusters import CA, cluster
from tests.laws.views import PHASES, views
from tests.unit.remote.fake_api import http_over

HA = cluster("ha")


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


NODE = {
    "metadata": {
        "name": "cp1",
        "labels": {"node-role.kubernetes.io/control-plane": "", "a": "b"},
        "annotations": {"kbootstrap.io/labels": "a", "kbootstrap.io/cordoned-by": "x"},
        "resourceVersion": "7",
    },
    "spec": {
        "taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}],
        "podCIDRs": ["10.244.0.0/24"],
    },
    "status": {
        "conditions": [{"type": "Ready", "status": "False", "message": "no network"}],
        "addresses": [{"type": "InternalIP", "address": "192.0.2.11"}],
        "nodeInfo": {"kubeletVersion": "v1.34.2", "containerRuntimeVersion": "containerd://1.6.20"},
    },
}
CONFIG = {
    "apiServer": {"extraArgs": [{"name": "v", "value": "4"}], "certSANs": ["a"]},
    "clusterName": "ha",
    "controlPlaneEndpoint": "api.example:6443",
    "networking": {"podSubnet": "10.244.0.0/16", "serviceSubnet": "10.96.0.0/12"},
    "etcd": {"local": {"dataDir": "/var/lib/etcd", "extraArgs": []}},
    "dns": {"disabled": True},
    "kubernetesVersion": "v1.34.2",
}
KUBELET = {"cgroupDriver": "systemd", "authentication": {"anonymous": {"enabled": False}}}


def config_map(name: str, key: str, value: Any) -> dict[str, Any]:
    meta = {"name": name, "resourceVersion": "3"}
    return {"metadata": meta, "data": {key: yaml.safe_dump(value)}}


STATUS = {
    "phase": "Running",
    "conditions": [{"type": "Ready", "status": "False"}],
    "containerStatuses": [
        {
            "name": "c",
            "ready": False,
            "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            "lastState": {"terminated": {"exitCode": 1, "message": "why"}},
        }
    ],
}
POD = {
    "metadata": {
        "name": "kube-apiserver-cp1",
        "namespace": "kube-system",
        "uid": "u",
        "labels": {"tier": "control-plane", "component": "kube-apiserver"},
        "ownerReferences": [{"kind": "Node"}],
    },
    "spec": {
        "nodeName": "cp1",
        "containers": [
            {"name": "c", "image": "r/kube-apiserver:v1.34.2", "command": ["x", "--v=4"]}
        ],
        "volumes": [{"emptyDir": {}}],
    },
    "status": STATUS,
}
PROXY = POD | {"metadata": POD["metadata"] | {"labels": {"k8s-app": "kube-proxy"}}}  # type: ignore[operator]
TOKEN = {
    "metadata": {"name": "bootstrap-token-abcdef"},
    "data": {"description": encoded("kbootstrap join cp2"), "expiration": encoded("2026")},
}
WORKLOAD = {
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "default", "generation": 2, "uid": "u"},
    "spec": {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}},
    "status": {"observedGeneration": 2, "updatedReplicas": 1},
}
BUDGET = {
    "metadata": {"name": "web", "namespace": "kube-system"},
    "spec": {"selector": {"matchLabels": {"component": "kube-apiserver"}}},
    "status": {"expectedPods": 1, "desiredHealthy": 1},
}
ADDON = WORKLOAD | {
    "metadata": {
        "name": "coredns",
        "labels": {"k8s-app": "kube-dns"},
        "managedFields": [
            {
                "manager": "kubectl-edit",
                "fieldsV1": {
                    "f:spec": {
                        "f:template": {
                            "f:spec": {
                                "f:containers": {
                                    'k:{"name":"coredns"}': {
                                        "f:resources": {"f:limits": {"f:memory": {}}}
                                    }
                                }
                            }
                        }
                    }
                },
            }
        ],
    },
    "spec": {
        "template": {
            "spec": {"containers": [{"name": "coredns", "resources": {"limits": {"memory": "1"}}}]}
        }
    },
}
LEASE = {
    "metadata": {
        "name": "kbootstrap",
        "resourceVersion": "9",
        "annotations": {"kbootstrap.io/holder": "alice", "kbootstrap.io/pid": "1"},
    },
    "spec": {"holderIdentity": "alice", "renewTime": "2026-11-30T00:00:00.000000Z"},
}
DISCOVERY = {"resources": [{"name": "deployments", "kind": "Deployment", "namespaced": True}]}
MEMBER = {"ID": "1", "name": "cp1", "peerURLs": ["https://192.0.2.11:2380"], "clientURLs": ["x"]}
# The end of a path -> what a good server answers.
GOOD: dict[str, Any] = {
    "/nodes": {"items": [NODE]},
    "/nodes/cp1": NODE,
    "/configmaps/kubeadm-config": config_map("kubeadm-config", "ClusterConfiguration", CONFIG),
    "/configmaps": {
        "items": [
            config_map("kubeadm-config", "ClusterConfiguration", CONFIG),
            config_map("kubelet-config", "kubelet", KUBELET),
            config_map("kube-proxy", "config.conf", {"mode": "iptables"}),
        ]
    },
    "/configmaps/cluster-info": {"data": {"kubeconfig": "{}", "jws-kubeconfig-abcdef": "a..b"}},
    "/secrets": {"items": [TOKEN]},
    "/pods": {"items": [POD, PROXY]},
    "/daemonsets": {"items": [WORKLOAD]},
    "/deployments": {"items": [WORKLOAD]},
    "/deployments/web": WORKLOAD,
    "/deployments/coredns": ADDON,
    "/daemonsets/kube-proxy": WORKLOAD,
    "/services/kube-dns": WORKLOAD,
    "/configmaps/coredns": config_map("coredns", "Corefile", {}),
    "/configmaps/kube-proxy": config_map("kube-proxy", "config.conf", {"mode": "iptables"}),
    "/configmaps/kubelet-config": config_map("kubelet-config", "kubelet", KUBELET),
    "/poddisruptionbudgets": {"items": [BUDGET]},
    "/events": {"items": [{"reason": "Failed", "message": "m", "involvedObject": {"name": "web"}}]},
    "/leases/kbootstrap": LEASE,
    "/readyz": "ok",
    "/apis/apps/v1": DISCOVERY,
    "/v3/cluster/member/list": {"members": [MEMBER]},
    "/v3/maintenance/status": {"leader": "1", "version": "3.6.4", "dbSize": "20480"},
    "/v3/kv/range": {"count": "3", "kvs": [{"key": encoded("/registry/minions/cp1")}]},
    "/v3/kv/deleterange": {"deleted": "3"},
}


@by_dice
def answers(dice: Random) -> dict[str, Any]:
    """The server's; about half of them are as they should be."""
    kinds = (lambda good: good, partial(damage, dice), lambda _: any_json(dice))
    return {path: dice.choices(kinds, (2, 1, 1))[0](good) for path, good in GOOD.items()}


# Each example makes the plans of many phases.
FEW = settings(FUZZ, max_examples=max(FUZZ.max_examples // 10, 1))


class Server:
    """Answers each path with what it is given; an object that is written comes back."""

    def __init__(self, says: dict[str, Any]) -> None:
        self.says = says

    def request(self, method: str, path: str, body: Any, **_: Any) -> Any:
        plain = path.partition("?")[0]
        found = max((end for end in self.says if plain.endswith(end)), key=len, default="")
        answer = self.says.get(found, {})
        return body if method in {"POST", "PUT"} and not found else json.loads(json.dumps(answer))

    def reach(self, host: str, port: int) -> Any:
        """The same server at every address."""
        del host, port
        return self

    def now(self) -> float:
        return 0.0


def reader(server: Server, *, etcd: bool = False) -> KubeReader:
    asks = Asks(pods=True, own_pods=True, endpoint=True, etcd=etcd)
    members = Etcd("192.0.2.11", server.reach) if etcd else None
    return KubeReader(http_over(server), asks=asks, etcd=members)


MANIFEST = Document.of({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}})


@FEW
@given(answers)
def test_the_state_of_a_cluster(says: dict[str, Any]) -> None:
    """Everything that is made of it: the plans and differences of each node, the leftovers."""
    phases = (*workflows.up(HA), *workflows.upgrade(HA), *workflows.reset(HA))

    def run() -> None:
        observed = reader(Server(says), etcd=True).observe((MANIFEST,))

        def view(phase: AnyPhase, node: Node) -> View[Any]:
            return View(
                cluster=HA, node=node, facts=phase.facts(), api=observed, control_plane="cp1", ca=CA
            )

        for phase in phases:
            for node in HA.nodes:
                if phase.on(HA, node):
                    seen = view(phase, node)
                    for made in (phase.plan, phase.check, phase.drift):
                        ends_with_a_code(lambda made=made, seen=seen: [*made(seen)])  # type: ignore[misc]
        planner.differences(HA, (), HA.nodes, view, observed)
        [*strays(observed.etcd or (), HA, {"cp1"})]
        unsettled(observed.etcd or ())

    ends_with_a_code(run)


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: str(phase.id))
def test_plans_of_what_was_read(phase: AnyPhase) -> None:
    """The same for every kind of facts."""

    @FEW
    @given(answers, views(phase))
    def check(says: dict[str, Any], view: View[Any]) -> None:
        try:
            observed = reader(Server(says), etcd=True).observe()
        except KbError:
            return
        seen = replace(view, api=observed)
        for made in (phase.plan, phase.check, phase.drift):
            ends_with_a_code(lambda made=made: [*made(seen)])  # type: ignore[misc]

    check()


WEB = ("Deployment", "default", "web")
ACTIONS: dict[str, act.ApiAction] = {
    "token": act.MakeToken(why="", node="cp2", ttl=60),
    "tokens": act.DeleteTokens(why="", node="cp2"),
    "certs": act.DeleteCerts(why=""),
    "expire": act.ExpireCerts(why="", ttl=60),
    "labels": act.SetNodeMeta(why="", node="cp1", labels=(("a", "c"),), old_taints=()),
    "configuration": act.SetClusterConfiguration(why="", changed=("a",), document=MANIFEST),
    "image": act.SetAddonImage(why="", addon="kube-proxy", image="a.example/kube-proxy"),
    "addon": act.SwitchAddon(why="", key="dns", addon="coredns", on=True),
    "no addon": act.RemoveAddon(
        why="", addon="coredns", objects=(("Deployment", "coredns"), ("ClusterRole", "x"))
    ),
    "kube-proxy": act.RollOutProxy(why="", seconds=0),
    "settings": act.SetStored(
        why="",
        part="kubelet",
        config_map="kubelet-config",
        entry="kubelet",
        patch=Document.of({"maxPods": 77}),
        record=Document.of({"kubelet": {"maxPods": 77}}),
        changes=(("maxPods", "unset -> 77"),),
    ),
    "apply": act.ApplyManifest(why="", manifest=MANIFEST, source="x.yaml"),
    "rollout": act.AwaitRollout(why="", workloads=(WEB,), nodes=1, seconds=0),
    "cidr": act.AwaitPodCidr(why="", node="cp1", seconds=0),
    "ready": act.AwaitReady(why="", node="cp1", seconds=0),
    "pods": act.AwaitPods(why="", node="cp1", pods=("kube-apiserver",), seconds=0),
    "cordon": act.Cordon(why="", node="cp1"),
    "drain": act.Drain(why="", node="cp1", seconds=0, force=True, empty_dirs=True),
    "delete": act.DeleteNode(why="", node="cp1"),
}


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for: the answers do not change."""

    def once(probe: Callable[[], Any], seconds: float) -> Any:
        del seconds
        return probe()

    for module in (kubewrite, kube_proxy, rollout, system_pods, etcd_module):
        monkeypatch.setattr(module, "until", once)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("name", ACTIONS)
def test_actions(name: str) -> None:
    @FUZZ
    @given(answers)
    def check(says: dict[str, Any]) -> None:
        writer = KubeWriter(reader(Server(says)), CA)
        ends_with_a_code(lambda: writer.perform(ACTIONS[name], {}))

    check()


@FUZZ
@given(answers)
def test_what_stops_an_upgrade_and_what_it_resets(says: dict[str, Any]) -> None:
    api = reader(Server(says))
    patch = Document.of({"spec": {"template": {"spec": {"dnsPolicy": "Default"}}}})
    ends_with_a_code(lambda: [reset.text for reset in api.addon_resets((), (patch,))])
    ends_with_a_code(lambda: [str(pod) for pod in api.budgeted_pods()])
    ends_with_a_code(lambda: [str(pod) for pod in api.held_pods()])


@pytest.mark.usefixtures("_impatient")
@FUZZ
@given(answers, text)
def test_the_lease_and_both_kinds_of_etcd(says: dict[str, Any], member: str) -> None:
    server: Any = Server(says)
    lease = Lease(reader(server).api)
    ends_with_a_code(lambda: [lease.read().who, lease.read().freshness])
    own = Etcd("192.0.2.11", server.reach)
    ends_with_a_code(own.members)
    ends_with_a_code(lambda: own.perform(act.RemoveMember(why="", member=member, name="x")))
    external = ExternalEtcd(["https://192.0.2.11:2379"], server.reach)
    ends_with_a_code(lambda: [external.held("/registry"), external.wipe("/registry")])

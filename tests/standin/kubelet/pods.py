"""Pods of this node: mirror pods of static ones, and the state of all others."""

from __future__ import annotations

import ipaddress
from typing import Any

from tests.standin.common import kube, times
from tests.standin.common.kube import Kube, KubeError

from . import static
from .images import Images
from .init_containers import InitContainers
from .node import Node, address
from .options import Options
from .proxy import RESTARTS, Proxies

Object = dict[str, Any]
_HASH = "kubernetes.io/config.hash"
_ENDED = {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}
LOG = "standinLog"  # read by the API server


class Pods:
    """Reports the state of the pods to the API server; none of them really runs."""

    def __init__(self, options: Options, api: Kube, node: Node, images: Images) -> None:
        self.options, self.api, self.node, self.images = options, api, node, images
        self.init = InitContainers(api)
        self.proxies = Proxies(api)

    def sync(self, wanted: list[Object]) -> None:
        if not self.node.object:
            return
        path = kube.path("pods") + f"?fieldSelector=spec.nodeName={self.options.name}"
        pods = self.api.items(path)
        self._mirror(pods, wanted)
        used = {p.get("status", {}).get("podIP") for p in pods}
        for pod in pods:
            try:
                self._one(pod, used)
            except KubeError as err:
                if err.code not in {404, 409}:
                    raise

    # -- static pods -------------------------------------------------------------------------

    def _mirror(self, pods: list[Object], wanted: list[Object]) -> None:
        have = {p["metadata"]["name"]: p for p in pods if _is_mirror(p)}
        names = {f"{w['name']}-{self.options.name}": w for w in wanted}
        for name, pod in have.items():
            pod_hash = pod["metadata"]["annotations"].get(_HASH)
            if name not in names or names[name]["hash"] != pod_hash:
                self._remove(pod)
                have = {k: v for k, v in have.items() if k != name}
        for name, item in names.items():
            if name not in have and (item["name"] in static.running()):
                self._create_mirror(name, item)

    def _create_mirror(self, name: str, item: Object) -> None:
        manifest = item["manifest"]
        meta = manifest["metadata"]
        annotations = {
            **(meta.get("annotations") or {}),
            _HASH: item["hash"],
            "kubernetes.io/config.mirror": item["hash"],
            "kubernetes.io/config.source": "file",
        }
        owner = {"apiVersion": "v1", "kind": "Node", "name": self.options.name, "controller": True}
        owner["uid"] = self.node.object["metadata"]["uid"]
        body = {
            "metadata": {
                "name": name,
                "labels": meta.get("labels") or {},
                "annotations": annotations,
                "ownerReferences": [owner],
            },
            "spec": {**manifest["spec"], "nodeName": self.options.name},
        }
        namespace = meta.get("namespace", "default")
        try:
            self.api.call("POST", kube.path("pods", namespace), body)
        except KubeError as err:
            if err.code != 409:
                raise

    # -- all pods ----------------------------------------------------------------------------

    def _one(self, pod: Object, used: set[str | None]) -> None:
        if pod["metadata"].get("deletionTimestamp"):
            self._remove(pod)
            return
        status = self._status(pod, used)
        have = pod.get("status") or {}
        if _brief(have) != _brief(status):
            meta = pod["metadata"]
            path = kube.path("pods", meta["namespace"], meta["name"])
            self.api.patch(f"{path}/status", {"status": status}, kube.MERGE)

    def _remove(self, pod: Object) -> None:
        meta = pod["metadata"]
        try:
            self.api.delete(
                kube.path("pods", meta["namespace"], meta["name"]),
                {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}},
            )
        except KubeError as err:
            if err.code not in {404, 409}:
                raise

    def _status(self, pod: Object, used: set[str | None]) -> Object:
        spec, old = pod["spec"], pod.get("status") or {}
        waiting = self._waiting(pod)
        once = spec.get("restartPolicy") in {"Never", "OnFailure"}
        done = once and not waiting
        host = address(self.options, self.api.server)
        stamp = old.get("startTime") or times.stamp()
        containers = [
            _container(c, waiting.get(c["name"]), stamp, done=done) for c in spec["containers"]
        ]
        first = [
            _container(c, waiting.get(c["name"]), stamp, done=True)
            for c in spec.get("initContainers", [])
        ]
        ready = not waiting and not done
        phase = "Pending" if waiting else "Succeeded" if done else "Running"
        ended = any(one == _ENDED for one in waiting.values())
        return {
            "phase": "Running" if ended else phase,
            **({LOG: f"{self.proxies.problem(pod)}\n"} if ended else {}),
            "startTime": stamp,
            "hostIP": host,
            "podIP": old.get("podIP") or (host if spec.get("hostNetwork") else self._ip(used)),
            "initContainerStatuses": first,
            "containerStatuses": containers,
            "conditions": [
                {
                    "type": kind,
                    "status": "True" if ready or kind == "PodScheduled" else "False",
                    "lastTransitionTime": stamp,
                }
                for kind in ("PodScheduled", "Initialized", "Ready", "ContainersReady")
            ],
        }

    def _waiting(self, pod: Object) -> dict[str, Object]:
        """Container name -> why it does not run."""
        spec = pod["spec"]
        if _is_mirror(pod):
            name = pod["metadata"]["name"].removesuffix(f"-{self.options.name}")
            return (
                {}
                if static.active(name)
                else {spec["containers"][0]["name"]: {"reason": "CrashLoopBackOff"}}
            )
        if not spec.get("hostNetwork") and self.node.last.get("status") != "True":
            return {c["name"]: {"reason": "ContainerCreating"} for c in spec["containers"]}
        first = spec.get("initContainers", [])
        waiting = {
            c["name"]: self.images.waiting(c["image"])
            for c in [*first, *spec["containers"]]
            if not self.images.present(c["image"])
        }
        if not waiting and (problem := self.init.run(pod)):
            waiting = {first[0]["name"]: problem}
        if not waiting and self.proxies.problem(pod):
            waiting = {spec["containers"][0]["name"]: dict(_ENDED)}
        if any(c["name"] in waiting for c in first):
            waiting |= {c["name"]: {"reason": "PodInitializing"} for c in spec["containers"]}
        return waiting

    def _ip(self, used: set[str | None]) -> str:
        cidr = self.node.object.get("spec", {}).get("podCIDR")
        if not cidr:
            return ""
        for host in list(ipaddress.ip_network(cidr).hosts())[1:]:
            if str(host) not in used:
                used.add(str(host))
                return str(host)
        return ""


def _is_mirror(pod: Object) -> bool:
    return "kubernetes.io/config.mirror" in (pod["metadata"].get("annotations") or {})


def _brief(status: Object) -> Object:
    """A status without the fields that only hold times."""
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or []}
    states = [
        (c["name"], c["image"], next(iter(c["state"])), c["state"].get("waiting"))
        for kind in ("initContainerStatuses", "containerStatuses")
        for c in status.get(kind) or []
    ]
    return {**{k: status.get(k) for k in ("phase", "podIP")}, "c": conditions, "s": states}


def _container(container: Object, waiting: Object | None, stamp: str, *, done: bool) -> Object:
    state: Object = {"running": {"startedAt": stamp}}
    if waiting:
        state = {"waiting": waiting}
    elif done:
        state = {
            "terminated": {
                "exitCode": 0,
                "reason": "Completed",
                "startedAt": stamp,
                "finishedAt": stamp,
            }
        }
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": not waiting and not done,
        "started": not waiting and not done,
        "restartCount": RESTARTS if waiting == _ENDED else 0,
        "state": state,
        **(
            {"lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}
            if waiting == _ENDED
            else {}
        ),
    }

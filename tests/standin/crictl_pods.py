"""crictl's view of pods and containers; the stand-in's own look like the rest."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from typing import Any

from . import crictl_single as single
from .common.flags import Flags
from .common.klog import FatalError
from .cri.client import Client
from .kubelet import static

Object = dict[str, Any]
_OF_SYSTEMD = re.compile(r"^(Started|Starting|Stopping|Stopped) |^standin-|\.service: ")


def _id(name: str, kind: str) -> str:
    return hashlib.sha256(f"{kind}/{name}".encode()).hexdigest()


def _nanoseconds(seconds: float) -> str:
    return str(int(seconds * 1e9))


def _own_pods() -> list[Object]:
    out = []
    for name, state in static.running().items():
        meta = state["manifest"]["metadata"]
        namespace = meta.get("namespace", "default")
        out.append(
            {
                "id": _id(name, "pod"),
                "metadata": {
                    "name": name,
                    "uid": state["hash"],
                    "namespace": namespace,
                    "attempt": 0,
                },
                "state": "SANDBOX_READY",
                "createdAt": _nanoseconds(state["started"]),
                "labels": {**(meta.get("labels") or {}), "io.kubernetes.pod.name": name},
                "annotations": {},
                "runtimeHandler": "",
            }
        )
    return out


def _own_containers() -> list[Object]:
    """The newest of each static pod, and the one before it, which has ended."""
    out = []
    for name, state in static.running().items():
        alive = "CONTAINER_RUNNING" if static.active(name) else "CONTAINER_EXITED"
        out.append(_own_container(name, state, state["started"], alive))
        if state["ended"]:
            out.append(_own_container(name, state, state["ended"], "CONTAINER_EXITED"))
    return out


def _own_container(name: str, state: Object, started: float, word: str) -> Object:
    meta = state["manifest"]["metadata"]
    return {
        "id": _id(f"{name}/{started}", "container"),
        "podSandboxId": _id(name, "pod"),
        "metadata": {"name": state["container"], "attempt": 0},
        "image": {"image": state["image"]},
        "imageRef": state["image"],
        "state": word,
        "createdAt": _nanoseconds(started),
        "labels": {
            "io.kubernetes.container.name": state["container"],
            "io.kubernetes.pod.name": name,
            "io.kubernetes.pod.namespace": meta.get("namespace", "default"),
        },
        "annotations": {},
    }


def pods(client: Client, flags: Flags) -> None:
    found = _own_pods() + [
        {
            "id": s.id,
            "metadata": {"name": s.name, "uid": s.uid, "namespace": s.namespace, "attempt": 0},
            "state": "SANDBOX_READY" if s.ready else "SANDBOX_NOTREADY",
            "createdAt": str(s.created_at),
            "labels": s.labels,
            "annotations": {},
            "runtimeHandler": "",
        }
        for s in client.sandboxes()
    ]
    found += [
        {
            "id": pod_id,
            "metadata": config["metadata"],
            "state": "SANDBOX_READY",
            "createdAt": "0",
            "labels": {},
            "annotations": {},
            "runtimeHandler": "",
        }
        for pod_id, config in single.pods().items()
    ]
    if flags.get("name"):
        found = [p for p in found if re.search(flags.get("name"), p["metadata"]["name"])]
    if flags.get("output") == "json":
        print(json.dumps({"items": found}, indent=2))
    elif flags.yes("quiet"):
        print("\n".join(p["id"] for p in found))
    else:
        print(f"{'POD ID':20}{'STATE':20}{'NAME':40}NAMESPACE")
        for pod in found:
            meta = pod["metadata"]
            print(
                f"{pod['id'][:13]:20}{pod['state'][8:].title():20}{meta['name']:40}{meta['namespace']}"
            )


def ps(client: Client, flags: Flags) -> None:
    states = ("CONTAINER_CREATED", "CONTAINER_RUNNING", "CONTAINER_EXITED", "CONTAINER_UNKNOWN")
    found = _own_containers() + [
        {
            "id": c.id,
            "podSandboxId": c.sandbox_id,
            "metadata": {"name": c.name, "attempt": 0},
            "image": {"image": c.image},
            "imageRef": c.image,
            "state": states[c.state],
            "createdAt": str(c.created_at),
            "labels": c.labels,
            "annotations": {},
        }
        for c in client.containers()
    ]
    found += [
        {
            "id": container_id,
            "podSandboxId": known["pod"],
            "metadata": known["config"]["metadata"],
            "image": known["config"]["image"],
            "imageRef": known["config"]["image"]["image"],
            "state": f"CONTAINER_{known['state']}",
            "createdAt": "0",
            "labels": {},
            "annotations": {},
        }
        for container_id, known in single.containers().items()
    ]
    if not flags.yes("all"):
        found = [c for c in found if c["state"] == "CONTAINER_RUNNING"]
    if flags.get("state"):
        found = [c for c in found if c["state"] == f"CONTAINER_{flags.get('state').upper()}"]
    if flags.get("id"):
        found = [c for c in found if c["id"].startswith(flags.get("id"))]
    if flags.get("name"):
        found = [c for c in found if re.search(flags.get("name"), c["metadata"]["name"])]
    if flags.get("output") == "json":
        print(json.dumps({"containers": found}, indent=2))
    elif flags.yes("quiet"):
        print("\n".join(c["id"] for c in found))
    else:
        print(f"{'CONTAINER':20}{'IMAGE':60}{'STATE':20}{'NAME':30}POD ID")
        for item in found:
            name, state = item["metadata"]["name"], item["state"][10:].title()
            image = item["image"]["image"]
            print(f"{item['id'][:13]:20}{image:60}{state:20}{name:30}{item['podSandboxId'][:13]}")


def _chosen(flags: Flags, ids: list[str]) -> list[str]:
    if flags.yes("all"):
        return ids
    out = []
    for word in flags.args[1:]:
        found = [i for i in ids if i.startswith(word)]
        if not found:
            raise FatalError(f'E getting the pod sandbox status of "{word}": not found')
        out += found
    return out


def remove_pods(client: Client, flags: Flags) -> None:
    """Stop and remove them."""
    own = {_id(name, "pod"): name for name in static.running()}
    known = [*own, *single.pods(), *(s.id for s in client.sandboxes())]
    for pod_id in _chosen(flags, known):
        if single.remove(pod_id):
            pass
        elif pod_id in own:
            static.stop(own[pod_id])
        else:
            client.stop_sandbox(pod_id)
            client.remove_sandbox(pod_id)
        print(f"Removed sandbox {pod_id}")


def _own_log(container: str) -> str | None:
    """The journal of a static pod's unit, also that of the starts before."""
    for found in _own_containers():
        if found["id"].startswith(container):
            unit = static.unit(found["metadata"]["name"])
            command = ["journalctl", "--no-pager", "-q", "-o", "cat", "-n", "400", "-u", unit]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            return "".join(
                f"{line}\n" for line in done.stdout.splitlines() if not _OF_SYSTEMD.search(line)
            )
    return None


def logs(_client: Client, flags: Flags) -> None:
    name = flags.args[-1]
    said = single.log(name) or _own_log(name)
    if said is None:
        text = f'an error occurred when try to find container "{name}": not found'
        raise FatalError(f"rpc error: code = NotFound desc = {text}")
    lines = said.splitlines()
    print("\n".join(lines[-int(flags.get("tail") or len(lines)) :]))

"""How kubectl prints objects."""

from __future__ import annotations

import json
import sys
from typing import Any

from .apiserver.resources import Resource
from .common import times, yamlio
from .common.flags import Flags

Object = dict[str, Any]


def as_list(items: list[Object]) -> Object:
    return {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}


def show(flags: Flags, resource: Resource, found: Object, items: list[Object]) -> None:
    output = flags.get("output")
    for item in items:
        item.get("metadata", {}).pop("managedFields", None)
    if output == "json":
        print(json.dumps(found, indent=4))
    elif output == "yaml":
        print(yamlio.dump(found), end="")
    elif output == "name":
        group = f".{resource.group}" if resource.group else ""
        print("\n".join(f"{resource.kind.lower()}{group}/{i['metadata']['name']}" for i in items))
    elif output.startswith("jsonpath="):
        print(_jsonpath(found, output.removeprefix("jsonpath=")), end="")
    elif not items and flags.yes("ignore-not-found"):
        return
    elif not items:
        sys.stderr.write(f"No resources found in {flags.get('namespace', 'default')} namespace.\n")
    else:
        _table(flags, resource, items)


def _jsonpath(found: Any, expression: str) -> str:
    """Plain paths such as {.items[*].metadata.name} and {.status.phase}."""
    values = [found]
    for part in expression.strip("{}' ").replace("[", ".[").split("."):
        if part == "[*]":
            values = [v for value in values for v in value]
        elif part.startswith("["):
            values = [value[int(part.strip("[]"))] for value in values]
        elif part:
            values = [value[part] for value in values if isinstance(value, dict) and part in value]
    return " ".join(v if isinstance(v, str) else json.dumps(v) for v in values)


def _age(obj: Object) -> str:
    moment = times.parse(obj["metadata"].get("creationTimestamp", ""))
    seconds = int((times.now() - moment).total_seconds()) if moment else 0
    if seconds < 120:
        return f"{seconds}s"
    return f"{seconds // 60}m" if seconds < 7200 else f"{seconds // 3600}h"


def _node_row(node: Object, *, wide: bool) -> list[str]:
    conditions = {c["type"]: c["status"] for c in node["status"].get("conditions", [])}
    status = "Ready" if conditions.get("Ready") == "True" else "NotReady"
    if node["spec"].get("unschedulable"):
        status += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = [
        k.removeprefix(prefix) for k in node["metadata"].get("labels", {}) if k.startswith(prefix)
    ]
    info = node["status"].get("nodeInfo", {})
    row = [status, ",".join(roles) or "<none>", _age(node), info.get("kubeletVersion", "")]
    if wide:
        addresses = {a["type"]: a["address"] for a in node["status"].get("addresses", [])}
        row += [addresses.get("InternalIP", "<none>"), "<none>", info.get("osImage", "")]
        row += [info.get("kernelVersion", ""), info.get("containerRuntimeVersion", "")]
    return row


def _table(flags: Flags, resource: Resource, items: list[Object]) -> None:
    wide = flags.get("output") == "wide"
    titles = ["NAME", "AGE"]
    if resource.plural == "nodes":
        titles = ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
        titles += (
            ["INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME"]
            if wide
            else []
        )
        rows = [[i["metadata"]["name"], *_node_row(i, wide=wide)] for i in items]
    elif resource.plural == "pods":
        titles = ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
        rows = [[i["metadata"]["name"], *_pod_row(i)] for i in items]
    else:
        rows = [[i["metadata"]["name"], _age(i)] for i in items]
    if flags.yes("all-namespaces") and resource.namespaced:
        titles = ["NAMESPACE", *titles]
        rows = [[i["metadata"]["namespace"], *r] for i, r in zip(items, rows, strict=True)]
    table = rows if flags.yes("no-headers") else [titles, *rows]
    widths = [max(len(r[n]) for r in table) + 3 for n in range(len(titles))]
    for row in table:
        print("".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())


def _pod_row(pod: Object) -> list[str]:
    states = pod.get("status", {}).get("containerStatuses") or []
    ready = f"{sum(bool(s['ready']) for s in states)}/{len(pod['spec']['containers'])}"
    waiting = [s["state"]["waiting"]["reason"] for s in states if "waiting" in s["state"]]
    phase = waiting[0] if waiting else pod.get("status", {}).get("phase", "Pending")
    return [
        ready,
        "Terminating" if pod["metadata"].get("deletionTimestamp") else phase,
        "0",
        _age(pod),
    ]

"""A small kubectl: the commands in `COMMANDS`, and no others."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from . import stamp, unknown
from .apiserver.resources import BUILT_IN, Resource, custom
from .common import http, kubeconfig, times
from .common.flags import Flags, Spec, parse
from .common.klog import FatalError
from .common.kube import MERGE, Kube, KubeError
from .kubectl_show import as_list, show

SPEC = Spec(
    "kubeconfig namespace all-namespaces? output selector field-selector filename* server-side?"
    " field-manager client? ignore-not-found? no-headers? request-timeout raw grace-period server"
    " tls-server-name insecure-skip-tls-verify? username password",
    "n=namespace A=all-namespaces o=output l=selector f=filename s=server",
)
Object = dict[str, Any]


class Cluster:
    """A connection with the resources it knows."""

    def __init__(self, flags: Flags) -> None:
        path = flags.get("kubeconfig") or os.environ.get("KUBECONFIG") or "~/.kube/config"
        file = Path(path).expanduser()
        if (
            not file.exists()
            and Path("/etc/kubernetes/admin.conf").exists()
            and not flags.get("kubeconfig")
        ):
            raise FatalError(
                "The connection to the server localhost:8080 was refused - did you specify the"
                " right"
                " host or port?"
            )
        try:
            config = _config(file)
        except OSError as err:
            raise FatalError(f"error: stat {file}: no such file or directory") from err
        if flags.get("server"):
            kubeconfig.current(config)[0]["server"] = flags.get("server")
        login = flags.get("username") and flags.get("password")
        if not (kubeconfig.current(config)[1] or login):
            raise FatalError("Please enter Username: error: EOF")
        if flags.yes("insecure-skip-tls-verify"):
            kubeconfig.current(config)[0]["insecure-skip-tls-verify"] = True
        self.api = Kube(config, times.seconds(flags.get("request-timeout", "10s")))
        self.api.client.checked_name = flags.get("tls-server-name")
        self.namespace = flags.get("namespace", "default")

    def resources(self) -> list[Resource]:
        crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        return [*BUILT_IN.values(), *custom(self.api.items(crds)).values()]

    def by_name(self, name: str) -> Resource:
        plain, _, group = name.lower().partition(".")
        for resource in [*BUILT_IN.values(), *self.resources()]:
            names = {resource.plural, resource.kind.lower(), *resource.short}
            if plain in names and (not group or resource.group.startswith(group)):
                return resource
        raise FatalError(f'error: the server doesn\'t have a resource type "{name}"')

    def of(self, obj: Object) -> Resource:
        for resource in [*BUILT_IN.values(), *self.resources()]:
            if (resource.kind, resource.api_version()) == (obj["kind"], obj["apiVersion"]):
                return resource
        raise FatalError(
            f'error: resource mapping not found for name: "{obj["metadata"]["name"]}": no'
            f" matches for"
            f' kind "{obj["kind"]}" in version "{obj["apiVersion"]}"'
        )

    def path(self, resource: Resource, name: str = "", namespace: str | None = None) -> str:
        base = f"/apis/{resource.group}" if resource.group else "/api"
        where = self.namespace if namespace is None else namespace
        scope = f"/namespaces/{where}" if resource.namespaced and where else ""
        return f"{base}/{resource.version}{scope}/{resource.plural}" + (f"/{name}" if name else "")


def _config(file: Path) -> Object:
    """An empty kubeconfig, such as /dev/null, has no login."""
    if file.is_char_device():
        return kubeconfig.build("", "", "none", "none", {})
    return kubeconfig.load(file)


def _run(flags: Flags) -> None:
    if not flags.args:
        print("kubectl controls the Kubernetes cluster manager.")
    elif flags.args[0] in COMMANDS:
        COMMANDS[flags.args[0]](flags)
    else:
        unknown.report("kubectl", " ".join(flags.args))
        raise FatalError(f'error: unknown command "{flags.args[0]}" for "kubectl"')


def _flags(argv: list[str]) -> Flags:
    try:
        return parse(argv, SPEC)
    except FatalError as err:
        usage = f"See 'kubectl {argv[0]} --help' for usage."
        raise FatalError(f"error: {err}\n{usage}") from err


def main(argv: list[str]) -> int:
    """Errors go to stderr, the code is 1."""
    try:
        _run(_flags(argv))
    except KubeError as err:
        reason = f" ({err.reason})" if err.reason else ""
        sys.stderr.write(f"Error from server{reason}: {err}\n")
    except http.Unreachable as err:
        sys.stderr.write(f"{_unreachable(str(err))}\n")
    except FatalError as err:
        sys.stderr.write(f"{err}\n")
    else:
        return 0
    return 1


def _unreachable(reason: str) -> str:
    """As kubectl says it (pkg/cmd/util, StandardErrorMessage)."""
    request, _, why = reason.partition('": ')
    if "connection refused" in why:
        host = request.partition("://")[2].partition("/")[0]
        return (
            f"The connection to the server {host} was refused - did you specify the right host or"
            " port?"
        )
    return f"Unable to connect to the server: {why}"


def _version(flags: Flags) -> None:
    lines: Object = {"clientVersion": {"gitVersion": stamp.VERSION}}
    if not flags.yes("client"):
        lines["serverVersion"] = Cluster(flags).api.get("/version")
    if flags.get("output") == "json":
        print(json.dumps(lines, indent=2))
        return
    print(f"Client Version: {stamp.VERSION}")
    if "serverVersion" in lines:
        print(f"Server Version: {lines['serverVersion']['gitVersion']}")


def _info(flags: Flags) -> None:
    cluster = Cluster(flags)
    cluster.api.get("/version")
    print(f"Kubernetes control plane is running at {cluster.api.server}")


def _get(flags: Flags) -> None:
    if flags.get("server").startswith("http://"):  # such as the kubelet's /healthz
        _, data = http.Client(flags.get("server"), None, 2.0).request("GET", flags.get("raw"))
        sys.stdout.write(data.decode())
        return
    cluster = Cluster(flags)
    if flags.get("raw"):
        status, data = cluster.api.raw("GET", flags.get("raw"))
        sys.stdout.write(data.decode())
        if status >= 400:
            raise FatalError(f"Error from server: status {status}")
        return
    kinds, names = flags.args[1], flags.args[2:]
    if "/" in kinds:
        kinds, _, name = kinds.partition("/")
        names = [name]
    for kind in kinds.split(","):
        _get_kind(cluster, flags, cluster.by_name(kind), names)


def _get_kind(cluster: Cluster, flags: Flags, resource: Resource, names: list[str]) -> None:
    if names:
        items = []
        for name in names:
            try:
                items.append(cluster.api.get(cluster.path(resource, name)))
            except KubeError as err:
                if err.code != 404 or not flags.yes("ignore-not-found"):
                    raise
        found: Object = items[0] if len(items) == 1 else as_list(items)
    else:
        path = cluster.path(resource, namespace="" if flags.yes("all-namespaces") else None)
        query = [f"labelSelector={flags.get('selector')}"] if flags.get("selector") else []
        if flags.get("field-selector"):
            query.append(f"fieldSelector={flags.get('field-selector')}")
        found = cluster.api.get(path + ("?" + "&".join(query) if query else ""))
        items = found["items"]
        items = [{**i, "apiVersion": resource.api_version(), "kind": resource.kind} for i in items]
        found = as_list(items)
    show(flags, resource, found, items)


def _documents(flags: Flags) -> list[Object]:
    out: list[Object] = []
    for name in flags.several("filename"):
        text = sys.stdin.read() if name == "-" else Path(name).read_text()
        for document in yaml.safe_load_all(text):
            out += document["items"] if document and document.get("kind") == "List" else [document]
    return [d for d in out if d]


def _apply(flags: Flags) -> None:
    cluster = Cluster(flags)
    manager = flags.get("field-manager", "kubectl-client-side-apply")
    for obj in _documents(flags):
        resource = cluster.of(obj)
        meta = obj["metadata"]
        namespace = meta.get("namespace", cluster.namespace)
        path = cluster.path(resource, meta["name"], namespace)
        before = cluster.api.find(path)
        if flags.args[0] == "create":
            cluster.api.call("POST", cluster.path(resource, namespace=namespace), obj)
            word = "created"
        else:
            query = f"?fieldManager={manager}&force=true"
            after = cluster.api.call("PATCH", path + query, obj, "application/apply-patch+yaml")
            same = (
                before
                and before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
            )
            word = "created" if before is None else "unchanged" if same else "configured"
            word = "serverside-applied" if flags.yes("server-side") else word
        group = f".{resource.group}" if resource.group else ""
        print(f"{resource.kind.lower()}{group}/{meta['name']} {word}")


def _delete(flags: Flags) -> None:
    cluster = Cluster(flags)
    targets: list[tuple[Resource, str, str]] = []
    for obj in _documents(flags):
        meta = obj["metadata"]
        targets.append((cluster.of(obj), meta["name"], meta.get("namespace", cluster.namespace)))
    words = flags.args[1:]
    if words and "/" in words[0]:
        pairs = [w.partition("/") for w in words]
        targets += [(cluster.by_name(kind), name, cluster.namespace) for kind, _, name in pairs]
    elif words:
        resource = cluster.by_name(words[0])
        targets += [(resource, name, cluster.namespace) for name in words[1:]]
    for resource, name, namespace in targets:
        body = (
            {"gracePeriodSeconds": int(flags.get("grace-period"))}
            if flags.get("grace-period")
            else None
        )
        try:
            cluster.api.delete(cluster.path(resource, name, namespace), body)
        except KubeError as err:
            if err.code != 404 or not flags.yes("ignore-not-found"):
                raise
            continue
        group = f".{resource.group}" if resource.group else ""
        print(f'{resource.kind.lower()}{group} "{name}" deleted')


def _label(flags: Flags) -> None:
    cluster = Cluster(flags)
    resource, name = cluster.by_name(flags.args[1]), flags.args[2]
    labels: dict[str, str | None] = {}
    for word in flags.args[3:]:
        key, equals, value = word.partition("=")
        labels[key if equals else word.rstrip("-")] = value if equals else None
    cluster.api.patch(cluster.path(resource, name), {"metadata": {"labels": labels}}, MERGE)
    print(f"{resource.kind.lower()}/{name} {'labeled' if any(labels.values()) else 'unlabeled'}")


def _cordon(flags: Flags) -> None:
    cluster, off = Cluster(flags), flags.args[0] == "uncordon"
    for name in flags.args[1:]:
        path = cluster.path(cluster.by_name("nodes"), name)
        cluster.api.patch(path, {"spec": {"unschedulable": None if off else True}}, MERGE)
        print(f"node/{name} {'un' if off else ''}cordoned")


COMMANDS: dict[str, Callable[[Flags], None]] = {
    "get": _get,
    "apply": _apply,
    "create": _apply,
    "delete": _delete,
    "version": _version,
    "cluster-info": _info,
    "label": _label,
    "cordon": _cordon,
    "uncordon": _cordon,
}

"""A client of the API server, made from a kubeconfig."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from . import http, kubeconfig
from .klog import KubeError as KubeError  # noqa: PLC0414  # exported again

T = TypeVar("T")
Object = dict[str, Any]
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


def path(
    plural: str, namespace: str = "", name: str = "", *, group: str = "", version: str = "v1"
) -> str:
    """The URL path of an object or a collection."""
    base = f"/apis/{group}/{version}" if group else f"/api/{version}"
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"{base}{where}/{plural}" + (f"/{name}" if name else "")


class Kube:
    """Requests as the user of a kubeconfig."""

    def __init__(self, config: kubeconfig.Config, timeout: float = 10.0) -> None:
        cluster, user = kubeconfig.current(config)
        self.server: str = cluster["server"]
        self.headers = {"User-Agent": f"{Path(sys.argv[0]).name}/standin"}
        if user.get("token"):
            self.headers["Authorization"] = f"Bearer {user['token']}"
        self.client = http.Client(self.server, kubeconfig.context_of(config), timeout)

    @classmethod
    def from_file(cls, path: Path, timeout: float = 10.0) -> Kube:
        return cls(kubeconfig.load(path), timeout)

    def raw(
        self, method: str, path: str, body: Any = None, kind: str = "", timeout: float | None = None
    ) -> tuple[int, bytes]:
        headers = {**self.headers, **({"Content-Type": kind} if kind else {})}
        try:
            return self.client.request(method, path, body, headers, timeout)
        except http.Unreachable as err:
            verb = method.capitalize()
            raise http.Unreachable(f'{verb} "{self.server}{path}": {err}') from err

    def call(
        self, method: str, path: str, body: Any = None, kind: str = "", timeout: float | None = None
    ) -> Object:
        """The answer as an object; KubeError for a refusal."""
        status, data = self.raw(method, path, body, kind, timeout)
        try:
            answer = json.loads(data)
        except ValueError:
            answer = {"message": data.decode(errors="replace").strip()}
        if status >= 400:
            raise KubeError(status, answer.get("reason", ""), answer.get("message", ""))
        return dict(answer)

    def get(self, path: str) -> Object:
        return self.call("GET", path)

    def find(self, path: str) -> Object | None:
        """The object, or None when it does not exist."""
        try:
            return self.get(path)
        except KubeError as err:
            if err.code == 404:
                return None
            raise

    def items(self, path: str) -> list[Object]:
        found: list[Object] = self.get(path)["items"]
        return found

    def create_or_update(self, collection: str, obj: Object) -> Object:
        """Create; replace what is there already."""
        try:
            return self.call("POST", collection, obj)
        except KubeError as err:
            if err.reason != "AlreadyExists":
                raise
        return self.call("PUT", f"{collection}/{obj['metadata']['name']}", obj)

    def patch(self, path: str, body: Any, kind: str = STRATEGIC) -> Object:
        return self.call("PATCH", path, body, kind)

    def delete(self, path: str, body: Any = None) -> Object:
        return self.call("DELETE", path, body)


def retry(
    action: Callable[[], T], seconds: float, every: float = 0.5, *, all_errors: bool = True
) -> T:
    """Call until it works; the last error is raised when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return action()
        except (KubeError, http.Unreachable) as err:
            final = isinstance(err, KubeError) and not all_errors and err.code < 500
            if final or time.monotonic() + every > deadline:
                raise
        time.sleep(every)

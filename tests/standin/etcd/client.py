"""A client of the etcd cluster: several endpoints, the first that answers counts."""

from __future__ import annotations

import json
import ssl
from typing import Any

from tests.standin.common import http

from .peers import EtcdError

Found = tuple[Any, int, int]


class Etcd:
    """Keys hold JSON values; a revision goes with each."""

    def __init__(
        self, endpoints: list[str], context: ssl.SSLContext | None, timeout: float = 10.0
    ) -> None:
        self.clients = [http.Client(url, context, timeout) for url in endpoints]

    def call(self, path: str, body: dict[str, Any], timeout: float | None = None) -> dict[str, Any]:
        last = "no endpoints"
        for client in list(self.clients):
            try:
                status, data = client.request("POST", path, body, timeout=timeout)
            except http.Unreachable as err:
                last = str(err)
                continue
            reply: dict[str, Any] = json.loads(data)
            if status != 200:
                raise EtcdError(reply.get("error", "etcdserver: request timed out"))
            return reply
        raise EtcdError(f"connection error: desc = {last}")

    def close(self) -> None:
        for client in self.clients:
            client.shutdown()

    def get(self, key: str) -> Found | None:
        found = self.call("/kv/get", {"key": key})["found"]
        return (found[0], found[1], found[2]) if found else None

    def under(self, prefix: str) -> tuple[int, dict[str, Found]]:
        reply = self.call("/kv/list", {"prefix": prefix})
        return reply["rev"], {k: (v[0], v[1], v[2]) for k, v in reply["found"].items()}

    def put(self, key: str, value: Any, expect: int | None) -> int | None:
        """The new revision, or None when the key was not at the expected one."""
        reply = self.call("/kv/put", {"key": key, "value": value, "expect": expect})
        return int(reply["rev"]) if reply["ok"] else None

    def delete(self, key: str, expect: int | None = None) -> int | None:
        reply = self.call("/kv/delete", {"key": key, "expect": expect})
        return int(reply["rev"]) if reply["ok"] else None

    def watch(self, revision: int, prefix: str, epoch: int | None = None) -> dict[str, Any]:
        body: dict[str, Any] = {"rev": revision, "prefix": prefix}
        if epoch is not None:
            body["epoch"] = epoch
        return self.call("/kv/watch", body, timeout=30.0)

    def members(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("/v3/cluster/member/list", {})["members"]
        return found

    def member(self, action: str, **body: Any) -> list[dict[str, Any]]:
        """add, remove or promote; the new member list comes back."""
        members: list[dict[str, Any]] = self.call(f"/v3/cluster/member/{action}", body)["members"]
        return members

    def healthy(self) -> bool:
        """Every endpoint must say so."""
        for client in self.clients:
            try:
                status, _ = client.request("GET", "/health")
            except http.Unreachable:
                return False
            if status != 200:
                return False
        return True

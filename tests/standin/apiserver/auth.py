"""Who asks (client certificate, token, anonymous) and what they may do (RBAC)."""

from __future__ import annotations

import base64
import dataclasses
import hmac
from collections.abc import Iterator
from typing import Any

from tests.standin.common.times import expired

from .cache import Cache
from .errors import ApiError, unauthorized
from .resources import built_in

ANONYMOUS = "system:anonymous"
_RBAC = "rbac.authorization.k8s.io"
_BOOTSTRAP = "bootstrap.kubernetes.io/token"


@dataclasses.dataclass(frozen=True)
class User:
    name: str
    groups: frozenset[str]

    def node(self) -> str:
        """The node's name if this is a kubelet."""
        prefix = "system:node:"
        is_node = self.name.startswith(prefix) and "system:nodes" in self.groups
        return self.name.removeprefix(prefix) if is_node else ""


@dataclasses.dataclass(frozen=True)
class Attributes:
    """What is asked for."""

    verb: str
    group: str = ""
    resource: str = ""
    name: str = ""
    namespace: str = ""
    path: str = ""


def from_certificate(subject: tuple[tuple[tuple[str, str], ...], ...]) -> User:
    """CN is the user, every O a group."""
    pairs = [pair for part in subject for pair in part]
    name = next((v for k, v in pairs if k == "commonName"), "")
    groups = {v for k, v in pairs if k == "organizationName"}
    return User(name, frozenset({*groups, "system:authenticated"}))


def anonymous() -> User:
    return User(ANONYMOUS, frozenset({"system:unauthenticated"}))


def text(secret: dict[str, Any], key: str) -> str:
    """One decoded value of a Secret."""
    try:
        return base64.b64decode(secret.get("data", {}).get(key, "")).decode()
    except ValueError:
        return ""


class Auth:
    """Decides from the objects in the cache."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def from_token(self, token: str) -> User:
        """A bootstrap token; there are no others."""
        if token.count(".") == 1:
            return self._bootstrap(*token.split("."))
        raise unauthorized()

    def _bootstrap(self, token_id: str, token_secret: str) -> User:
        key = built_in("secrets").key("kube-system", f"bootstrap-token-{token_id}")
        secret = self.cache.get(key)
        valid = (
            secret is not None
            and secret.get("type") == _BOOTSTRAP
            and hmac.compare_digest(text(secret, "token-secret").encode(), token_secret.encode())
            and not expired(text(secret, "expiration"))
            and text(secret, "usage-bootstrap-authentication") == "true"
        )
        if not valid or secret is None:
            raise unauthorized()
        extra = {g for g in text(secret, "auth-extra-groups").split(",") if g}
        groups = frozenset({"system:bootstrappers", "system:authenticated", *extra})
        return User(f"system:bootstrap:{token_id}", groups)

    def allowed(self, user: User, asked: Attributes) -> bool:
        always = {"system:kube-controller-manager", "system:kube-scheduler"}
        if "system:masters" in user.groups or user.name in always:
            return True
        if user.node() and _node_may(asked):
            return True
        return any(_matches(rule, asked) for rule in self._rules(user, asked.namespace))

    def _rules(self, user: User, namespace: str) -> Iterator[dict[str, Any]]:
        bindings = self.cache.under(built_in("clusterrolebindings", _RBAC).prefix())
        if namespace:
            bindings = bindings + self.cache.under(
                built_in("rolebindings", _RBAC).prefix(namespace)
            )
        for binding in bindings:
            if any(_is_subject(s, user) for s in binding.get("subjects") or []):
                yield from self._role(binding["roleRef"], namespace)

    def _role(self, ref: dict[str, Any], namespace: str) -> list[dict[str, Any]]:
        cluster = ref["kind"] == "ClusterRole"
        resource = built_in("clusterroles" if cluster else "roles", _RBAC)
        role = self.cache.get(resource.key(namespace, ref["name"])) or {}
        return role.get("rules") or []

    def check(self, user: User, asked: Attributes) -> None:
        if not self.allowed(user, asked):
            raise forbidden(user, asked)


def forbidden(user: User, asked: Attributes) -> ApiError:
    """The refusal with the message of the real server."""
    if asked.path:
        what = f'forbidden: User "{user.name}" cannot {asked.verb} path "{asked.path}"'
        return ApiError(403, "Forbidden", what, {})
    plural, _, _ = asked.resource.partition("/")
    kind = f"{plural}.{asked.group}" if asked.group else plural
    title = f'{kind} "{asked.name}"' if asked.name else kind
    where = f' in the namespace "{asked.namespace}"' if asked.namespace else " at the cluster scope"
    message = (
        f'{title} is forbidden: User "{user.name}" cannot {asked.verb} resource'
        f' "{asked.resource}" in API group "{asked.group}"{where}'
    )
    details = {"kind": plural, **({"name": asked.name} if asked.name else {})}
    return ApiError(403, "Forbidden", message, details)


def _is_subject(subject: dict[str, Any], user: User) -> bool:
    kind, name = subject["kind"], subject["name"]
    if kind == "Group":
        return name in user.groups
    if kind == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace')}:{name}"
    return bool(name == user.name)


def _matches(rule: dict[str, Any], asked: Attributes) -> bool:
    verbs = rule.get("verbs", [])
    if "*" not in verbs and asked.verb not in verbs:
        return False
    if asked.path:
        return any(
            p in {"*", asked.path} or (p.endswith("*") and asked.path.startswith(p[:-1]))
            for p in rule.get("nonResourceURLs", [])
        )
    names = rule.get("resourceNames")
    return (
        _in(asked.group, rule.get("apiGroups", []))
        and _in(asked.resource, rule.get("resources", []))
        and (not names or asked.name in names)
    )


def _in(value: str, values: list[str]) -> bool:
    return "*" in values or value in values


_READ = {"get", "list", "watch"}
_NODE_RULES: dict[str, set[str]] = {
    "nodes": _READ | {"create", "update", "patch"},
    "nodes/status": {"update", "patch"},
    "pods": _READ | {"create", "delete"},
    "pods/status": {"update", "patch"},
    "leases": {"get", "create", "update", "patch", "delete"},
    "events": {"create", "patch", "update"},
    "certificatesigningrequests": _READ | {"create"},
    "csinodes": _READ | {"create", "update", "patch"},
    **dict.fromkeys(("services", "configmaps", "secrets", "runtimeclasses", "csidrivers"), _READ),
}


def _node_may(asked: Attributes) -> bool:
    return asked.verb in _NODE_RULES.get(asked.resource, set())

"""Refusals in the form of Status objects."""

from __future__ import annotations

from typing import Any

from tests.standin import unknown as unknown_to_us

from .resources import Resource


class ApiError(Exception):
    """A request that fails with a Status."""

    def __init__(self, code: int, reason: str, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def status(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details:
            out["details"] = self.details
        return {**out, "code": self.code}


def _details(resource: Resource, name: str) -> dict[str, Any]:
    out = {"name": name, "kind": resource.plural}
    return {**out, "group": resource.group} if resource.group else out


def not_found(resource: Resource, name: str) -> ApiError:
    text = f'{resource.full_name()} "{name}" not found'
    return ApiError(404, "NotFound", text, _details(resource, name))


def exists(resource: Resource, name: str) -> ApiError:
    text = f'{resource.full_name()} "{name}" already exists'
    return ApiError(409, "AlreadyExists", text, _details(resource, name))


def conflict(resource: Resource, name: str, why: str = "") -> ApiError:
    why = why or (
        "the object has been modified; please apply your changes to the latest version and try"
        " again"
    )
    text = f'Operation cannot be fulfilled on {resource.full_name()} "{name}": {why}'
    return ApiError(409, "Conflict", text, _details(resource, name))


def invalid(resource: Resource, name: str, cause: str) -> ApiError:
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    return ApiError(
        422, "Invalid", f'{kind} "{name}" is invalid: {cause}', _details(resource, name)
    )


def bad(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def no_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def unknown(question: str) -> ApiError:
    """What a real server may answer, and this one cannot."""
    unknown_to_us.report("kube-apiserver", question)
    return ApiError(404, "NotFound", f"the stand-in does not know {question}", {})


def gone() -> ApiError:
    return ApiError(410, "Expired", "The resourceVersion for the provided watch is too old.")

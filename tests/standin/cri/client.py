"""The part of the CRI (runtime.v1) that kubeadm, kubelet and crictl use."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from . import grpc, wire

_RUNTIME = "/runtime.v1.RuntimeService/"
_IMAGES = "/runtime.v1.ImageService/"


@dataclasses.dataclass(frozen=True)
class Image:
    id: str
    tags: list[str]
    digests: list[str]
    size: int
    pinned: bool


@dataclasses.dataclass(frozen=True)
class Sandbox:
    id: str
    name: str
    namespace: str
    uid: str
    ready: bool
    created_at: int
    labels: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Container:
    id: str
    sandbox_id: str
    name: str
    image: str
    state: int
    created_at: int
    labels: dict[str, str]


def socket_path(endpoint: str) -> str:
    """unix:///run/x.sock -> /run/x.sock."""
    return endpoint.removeprefix("unix://")


class Client:
    """One runtime, named by its endpoint (unix:///...)."""

    def __init__(self, endpoint: str, timeout: float = 2.0) -> None:
        self.endpoint = endpoint
        self.path = socket_path(endpoint)
        self.timeout = timeout

    def _runtime(self, method: str, request: bytes = b"") -> wire.Fields:
        return wire.unpack(grpc.call(self.path, _RUNTIME + method, request, self.timeout))

    def _images(self, method: str, request: bytes, timeout: float | None = None) -> wire.Fields:
        return wire.unpack(grpc.call(self.path, _IMAGES + method, request, timeout or self.timeout))

    def validate(self) -> None:
        """What every client does first; raises RuntimeError with the Go text."""
        try:
            self._runtime("Version")
        except grpc.GrpcError as err:
            raise RuntimeError(
                f'validate CRI v1 runtime API for endpoint "{self.endpoint}": {err}'
            ) from err

    def version(self) -> tuple[str, str, str]:
        """(runtime name, runtime version, API version)."""
        fields = self._runtime("Version")
        return wire.text(fields, 2), wire.text(fields, 3), wire.text(fields, 4)

    def status(self) -> dict[str, Any]:
        """Conditions and the parsed verbose info."""
        fields = self._runtime("Status", wire.pack({1: 1}))
        conditions = [
            {
                "type": wire.text(c, 1),
                "status": bool(wire.number(c, 2)),
                "reason": wire.text(c, 3),
                "message": wire.text(c, 4),
            }
            for status in wire.messages(fields, 1)
            for c in wire.messages(status, 1)
        ]
        info = {key: _json_or_text(text) for key, text in wire.mapping(fields, 2).items()}
        return {"conditions": conditions, "info": info}

    def sandbox_image(self) -> str:
        """The pause image the runtime uses, or an empty text."""
        config = self.status()["info"].get("config")
        return str(config.get("sandboxImage", "")) if isinstance(config, dict) else ""

    def images(self) -> list[Image]:
        return [_image(f) for f in wire.messages(self._images("ListImages", b""), 1)]

    def image(self, name: str) -> Image | None:
        fields = self._images("ImageStatus", wire.pack({1: wire.pack({1: name})}))
        found = wire.messages(fields, 1)
        return _image(found[0]) if found else None

    def pull(self, name: str, timeout: float = 600.0) -> str:
        fields = self._images("PullImage", wire.pack({1: wire.pack({1: name})}), timeout)
        return wire.text(fields, 1)

    def remove_image(self, name: str) -> None:
        self._images("RemoveImage", wire.pack({1: wire.pack({1: name})}))

    def sandboxes(self) -> list[Sandbox]:
        return [_sandbox(f) for f in wire.messages(self._runtime("ListPodSandbox"), 1)]

    def containers(self) -> list[Container]:
        return [_container(f) for f in wire.messages(self._runtime("ListContainers"), 1)]

    def stop_sandbox(self, sandbox_id: str) -> None:
        self._runtime("StopPodSandbox", wire.pack({1: sandbox_id}))

    def remove_sandbox(self, sandbox_id: str) -> None:
        self._runtime("RemovePodSandbox", wire.pack({1: sandbox_id}))


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _image(fields: wire.Fields) -> Image:
    return Image(
        id=wire.text(fields, 1),
        tags=wire.texts(fields, 2),
        digests=wire.texts(fields, 3),
        size=wire.number(fields, 4),
        pinned=bool(wire.number(fields, 8)),
    )


def _sandbox(fields: wire.Fields) -> Sandbox:
    metadata = next(iter(wire.messages(fields, 2)), {})
    return Sandbox(
        id=wire.text(fields, 1),
        name=wire.text(metadata, 1),
        namespace=wire.text(metadata, 3),
        uid=wire.text(metadata, 2),
        ready=wire.number(fields, 3) == 0,
        created_at=wire.number(fields, 4),
        labels=wire.mapping(fields, 5),
    )


def _container(fields: wire.Fields) -> Container:
    metadata = next(iter(wire.messages(fields, 3)), {})
    image = next(iter(wire.messages(fields, 4)), {})
    return Container(
        id=wire.text(fields, 1),
        sandbox_id=wire.text(fields, 2),
        name=wire.text(metadata, 1),
        image=wire.text(image, 1),
        state=wire.number(fields, 6),
        created_at=wire.number(fields, 7),
        labels=wire.mapping(fields, 8),
    )

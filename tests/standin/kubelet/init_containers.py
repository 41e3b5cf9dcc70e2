"""Init containers that copy a file to the node, as those of a CNI's DaemonSet do."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from tests.standin.common import kube
from tests.standin.common.kube import Kube

Object = dict[str, Any]
COPY = ["cp", "-f"]


class InitContainers:
    """Runs each pod's once; anything but `COPY` is refused in the pod's status."""

    def __init__(self, api: Kube) -> None:
        self.api = api
        self.done: set[str] = set()

    def run(self, pod: Object) -> Object:
        """Why the pod's own containers have to wait; empty once all have run."""
        uid = pod["metadata"]["uid"]
        for container in pod["spec"].get("initContainers", []) if uid not in self.done else []:
            words = [*container.get("command", []), *container.get("args", [])]
            if words[:2] != COPY or len(words) != 4:
                message = f"the stand-in runs {COPY} FROM TO only, not {words}"
                return {"reason": "CreateContainerError", "message": message}
            text = self._read(pod, container, words[2])
            _on_node(pod, container, words[3]).write_text(text)
        self.done.add(uid)
        return {}

    def _read(self, pod: Object, container: Object, path: str) -> str:
        """The text of a file in a container: a key of a ConfigMap, or a file of the node."""
        volume, rest = _volume(pod, container, path)
        if "configMap" not in volume:
            return _on_node(pod, container, path).read_text()
        at = kube.path("configmaps", pod["metadata"]["namespace"], volume["configMap"]["name"])
        return str(self.api.get(at)["data"][str(rest)])


def _on_node(pod: Object, container: Object, path: str) -> Path:
    volume, rest = _volume(pod, container, path)
    return Path(volume["hostPath"]["path"], rest)


def _volume(pod: Object, container: Object, path: str) -> tuple[Object, PurePosixPath]:
    """The volume that holds a path of a container, and the path in it."""
    for mount in container.get("volumeMounts", []):
        if PurePosixPath(path).is_relative_to(mount["mountPath"]):
            volume = next(v for v in pod["spec"]["volumes"] if v["name"] == mount["name"])
            return volume, PurePosixPath(path).relative_to(mount["mountPath"])
    raise ValueError(f"{path} is in no volume of {container['name']}")

"""crictl exec, runp, create, start: the tools of etcd's image, run on the node itself."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from .common.klog import FatalError

RUN = Path("/run/standin/single")  # a directory per pod, a file per container
Object = dict[str, Any]


def _tools(argv: list[str]) -> int:
    """Of etcd; half of a start of crictl would be their import, and few calls need them."""
    from .etcd import tools  # noqa: PLC0415

    return tools.run(argv)


def execute(argv: list[str]) -> int:
    """Run a command in a container; all of them see this node's files."""
    return _tools(argv)


def run_pod(config: str) -> str:
    """Make a pod; its id comes back."""
    name = uuid.uuid4().hex * 2
    (RUN / name).mkdir(parents=True)
    (RUN / name / "pod.json").write_text(Path(config).read_text())
    return name


def create(pod: str, config: str) -> str:
    """Make a container; its id comes back."""
    if not (RUN / pod).is_dir():
        raise FatalError(f'pod "{pod}" not found')
    name = uuid.uuid4().hex * 2
    _save(pod, name, {"config": json.loads(Path(config).read_text()), "state": "CREATED"})
    return name


def start(container: str) -> None:
    """Run it to its end."""
    pod, found = _find(container)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = _tools(found["config"]["command"])
        except SystemExit as end:
            print(end.code)
            status = 1
    _save(pod, container, {**found, "state": "EXITED", "exit": status, "log": said.getvalue()})


def inspect(container: str) -> Object:
    """What crictl inspect shows of it."""
    found = _find(container)[1]
    return {"status": {"state": f"CONTAINER_{found['state']}", "exitCode": found.get("exit", 0)}}


def log(container: str) -> str | None:
    """What it said; None if it is none of these."""
    with contextlib.suppress(FatalError):
        return str(_find(container)[1].get("log", ""))
    return None


def pods() -> dict[str, Object]:
    """All pods made so: id -> their configuration."""
    return {p.parent.name: json.loads(p.read_text()) for p in RUN.glob("*/pod.json")}


def containers() -> dict[str, Object]:
    """All containers made so: id -> what is known."""
    found = (path for path in RUN.glob("*/*.json") if path.name != "pod.json")
    return {path.stem: {**json.loads(path.read_text()), "pod": path.parent.name} for path in found}


def remove(pod: str) -> bool:
    """Remove a pod, if it is one of these."""
    known = (RUN / pod).is_dir()
    shutil.rmtree(RUN / pod, ignore_errors=True)
    return known


def _find(container: str) -> tuple[str, Object]:
    found = containers().get(container)
    if found is None:
        raise FatalError(f'container "{container}" not found')
    return found["pod"], found


def _save(pod: str, container: str, found: Object) -> None:
    (RUN / pod / f"{container}.json").write_text(json.dumps(found))

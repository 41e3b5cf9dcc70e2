"""crictl over the real CRI; static pods of the stand-in appear among containers and pods."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from . import crictl_single as single
from . import unknown
from .common.flags import Flags, Spec, parse
from .common.klog import FatalError
from .cri.client import Client
from .cri.grpc import GrpcError
from .crictl_pods import logs, pods, ps, remove_pods

VERSION = "1.34.0"
SPEC = Spec(
    "runtime-endpoint timeout config output quiet? all? force? name state id version? tail",
    "r=runtime-endpoint t=timeout c=config o=output q=quiet a=all f=force s=state",
)
Object = dict[str, Any]


def _endpoint(flags: Flags) -> str:
    given = flags.get("runtime-endpoint") or os.environ.get("CONTAINER_RUNTIME_ENDPOINT", "")
    if given:
        return given
    path = Path(flags.get("config") or os.environ.get("CRI_CONFIG_FILE") or "/etc/crictl.yaml")
    if path.exists():
        loaded = yaml.safe_load(path.read_text()) or {}
        if loaded.get("runtime-endpoint"):
            return str(loaded["runtime-endpoint"])
    return "unix:///run/containerd/containerd.sock"


def main(argv: list[str]) -> int:
    """Run one command; failures look like crictl's."""
    try:
        if "exec" in argv:
            return single.execute(argv[argv.index("exec") + 2 :])
        flags = parse(argv, SPEC)
        if flags.yes("version"):
            print(f"crictl version {VERSION}")
            return 0
        return _run(flags)
    except FatalError as err:
        sys.stderr.write(f"{err}\n")
        return 1


def _run(flags: Flags) -> int:
    command = flags.args[0] if flags.args else "help"
    if command not in COMMANDS:
        unknown.report("crictl", " ".join(flags.args))
        sys.stderr.write(f"No help topic for '{command}'\n")
        return 3
    timeout = float(flags.get("timeout", "2s").rstrip("s") or 2)
    client = Client(_endpoint(flags), timeout)
    try:
        client.validate()
        COMMANDS[command](client, flags)
    except RuntimeError as err:
        _fatal(f"validate service connection: {err}")
        return 1
    except GrpcError as err:
        _fatal(f"{_ACTIONS.get(command, command)}: {err}")
        return 1
    return 0


_ACTIONS = {
    "pull": "pulling image",
    "images": "list images",
    "info": "getting status of runtime",
    "inspecti": "unable to inspect image",
}


def _fatal(text: str) -> None:
    stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    sys.stderr.write(f'time="{stamp}" level=fatal msg={json.dumps(text)}\n')


def _print(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _image(image: Any) -> Object:
    return {
        "id": image.id,
        "repoTags": image.tags,
        "repoDigests": image.digests,
        "size": str(image.size),
        "uid": None,
        "username": "",
        "spec": None,
        "pinned": image.pinned,
    }


def _images(client: Client, flags: Flags) -> None:
    found = client.images()
    if flags.get("output") == "json":
        _print({"images": [_image(i) for i in found]})
        return
    if flags.yes("quiet"):
        print("\n".join(i.id for i in found))
        return
    print(f"{'IMAGE':60}{'TAG':24}{'IMAGE ID':20}SIZE")
    for image in found:
        short, size = image.id.removeprefix("sha256:")[:13], f"{image.size / 1e6:.1f}MB"
        for tag in image.tags or ["<none>:<none>"]:
            name, _, version = tag.rpartition(":")
            print(f"{name:60}{version:24}{short:20}{size}")


def _pull(client: Client, flags: Flags) -> None:
    for name in flags.args[1:]:
        print(f"Image is up to date for {client.pull(name)}")


def _inspect_image(client: Client, flags: Flags) -> None:
    for name in flags.args[1:]:
        image = client.image(name)
        if image is None:
            raise FatalError(f'FATA[0000] no such image "{name}" present')
        _print({"status": _image(image), "info": {}})


def _info(client: Client, flags: Flags) -> None:
    del flags
    found = client.status()
    conditions = [dict(sorted(one.items())) for one in found["conditions"]]
    _print({"config": found["info"].get("config"), "status": {"conditions": conditions}})


# -- single containers -----------------------------------------------------------------------------


def _run_pod(_client: Client, flags: Flags) -> None:
    print(single.run_pod(flags.args[1]))


def _create(_client: Client, flags: Flags) -> None:
    print(single.create(flags.args[1], flags.args[2]))


def _start(_client: Client, flags: Flags) -> None:
    single.start(flags.args[1])
    print(flags.args[1])


def _inspect(_client: Client, flags: Flags) -> None:
    _print(single.inspect(flags.args[1]))


COMMANDS: dict[str, Callable[[Client, Flags], None]] = {
    "images": _images,
    "info": _info,
    "inspecti": _inspect_image,
    "pull": _pull,
    "pods": pods,
    "ps": ps,
    "rmp": remove_pods,
    "runp": _run_pod,
    "create": _create,
    "start": _start,
    "inspect": _inspect,
    "logs": logs,
}

"""kubeadm reset."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.standin.common import http
from tests.standin.common.flags import Flags, Spec, parse
from tests.standin.common.klog import FatalError, warning
from tests.standin.common.kube import Kube, KubeError
from tests.standin.cri.client import Client
from tests.standin.cri.grpc import GrpcError
from tests.standin.etcd.peers import EtcdError
from tests.standin.kubelet import static

from . import admin, etcd, kubelet, preflight, texts, upload
from .config import load
from .config.load import InitConfig
from .flags import GLOBAL, mixed
from .phase import Phase, Runner, say

SPEC = Spec(
    GLOBAL + " config cert-dir cleanup-tmp-dir? cri-socket dry-run? force? ignore-preflight-errors*"
    " kubeconfig skip-phases*",
    "f=force v=v h=help",
)
FOLDER, RUN = Path("/etc/kubernetes"), Path("/var/lib/kubelet")
MANIFEST = FOLDER / "manifests/etcd.yaml"


@dataclasses.dataclass
class Data:
    """What the phases share."""

    reset: dict[str, Any]
    flags: Flags
    ignore: set[str]
    api: Kube | None
    cluster: InitConfig | None

    @property
    def force(self) -> bool:
        return self.flags.yes("force") or bool(self.reset.get("force"))


def data_from(flags: Flags) -> Data:
    mixed(flags)
    if flags.get("config"):
        reset = load.reset_from(load.read(flags.get("config")), fatal=False, detect=True)
    else:
        given = {"certificatesDir": flags.get("cert-dir"), "criSocket": flags.get("cri-socket")}
        reset = load.complete_reset(given, detect=True)
    ignore = preflight.ignored(
        flags.several("ignore-preflight-errors"), reset.get("ignorePreflightErrors")
    )
    api, cluster = _cluster(Path(flags.get("kubeconfig") or admin.ADMIN))
    return Data(reset, flags, ignore, api, cluster)


def _cluster(path: Path) -> tuple[Kube | None, InitConfig | None]:
    """The cluster's configuration, if it can still be read."""
    try:
        api = Kube.from_file(path)
    except (OSError, TypeError, KeyError, ValueError):
        return None, None
    try:
        upload.announce_reading("reset")
        return api, upload.fetch(api)
    except FatalError as err:
        warning(
            f"[reset] Unable to fetch the kubeadm-config ConfigMap from cluster: {err}",
            "reset.go:142",
        )
        return api, None


def _preflight(data: Data) -> None:
    if not data.force:
        warning(
            "[reset] WARNING: Changes made to this host by 'kubeadm init' or 'kubeadm join' will be"
            " reverted.",
            "preflight.go:56",
        )
        sys.stdout.write("[reset] Are you sure you want to proceed? [y/N]: ")
        sys.stdout.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise FatalError("won't proceed; the user didn't answer (Y|y) in order to continue")
    say("[preflight] Running pre-flight checks")
    preflight.root(data.ignore)


def _remove_member(data: Data) -> None:
    """Leave the etcd cluster, then empty the data directory."""
    folder = _data_folder(data)
    if folder is None:
        say("[reset] No etcd config found. Assuming external etcd")
        say("[reset] Please, manually reset etcd to prevent further issues")
        return
    if data.cluster is not None and data.api is not None:
        _with_address(data.cluster)
        try:
            etcd.remove_own(data.api, data.cluster)
        except (EtcdError, KubeError, http.Unreachable, FatalError, OSError) as err:
            warning(
                f"[reset] Failed to remove etcd member: {err}, please manually remove this etcd"
                f" member"
                " using etcdctl",
                "removeetcdmember.go:61",
            )
    path = Path(folder)
    if path.is_dir() and not any(path.iterdir()):
        return
    try:
        _empty(path)
    except OSError as err:
        warning(
            f'[reset] Failed to delete contents of the etcd directory: "{folder}", error: {err}',
            "removeetcdmember.go:82",
        )
    else:
        say(f"[reset] Deleted contents of the etcd data directory: {folder}")


def _data_folder(data: Data) -> str | None:
    """From the cluster's configuration, else from the manifest, else the default."""
    local = data.cluster.cluster["etcd"].get("local") if data.cluster is not None else None
    if local is not None:
        return str(local["dataDir"])
    warning(
        "[reset] No kubeadm config, using etcd pod spec to get data directory",
        "removeetcdmember.go:106",
    )
    if not MANIFEST.exists():
        return "/var/lib/etcd"
    pod = yaml.safe_load(MANIFEST.read_text())
    for volume in pod["spec"].get("volumes") or []:
        if volume["name"] == "etcd-data":
            return str(volume["hostPath"]["path"])
    return None


def _with_address(config: InitConfig) -> None:
    """This node's own address, from its etcd manifest."""
    if not MANIFEST.exists():
        return
    pod = yaml.safe_load(MANIFEST.read_text())
    for word in pod["spec"]["containers"][0]["command"]:
        if word.startswith("--initial-advertise-peer-urls="):
            host = word.split("//", 1)[1].rpartition(":")[0].strip("[]")
            config.init["localAPIEndpoint"]["advertiseAddress"] = host


def _empty(folder: Path) -> None:
    if not folder.is_dir():
        return
    for item in folder.iterdir():
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()


def _cleanup(data: Data) -> None:
    folders = [FOLDER / "manifests"]
    say("[reset] Stopping the kubelet service")
    problem = kubelet.systemctl("stop", "kubelet")
    if problem:
        warning(
            f"[reset] The kubelet service could not be stopped by kubeadm: [{problem}]",
            "cleanupnode.go:63",
        )
        warning("[reset] Please ensure kubelet is stopped manually", "cleanupnode.go:64")
    if RUN.exists():
        say(f'[reset] Unmounting mounted directories in "{RUN}"')
        _unmount()
        folders.append(RUN.resolve())
    _remove_containers(data.reset["criSocket"])
    certs = data.reset["certificatesDir"]
    if certs != "/etc/kubernetes/pki":
        warning(
            f'[reset] WARNING: Cleaning a non-default certificates directory: "{certs}"',
            "cleanupnode.go:99",
        )
    folders.append(Path(certs))
    if data.flags.yes("cleanup-tmp-dir") or data.reset.get("cleanupTmpDir"):
        folders.append(FOLDER / "tmp")
    say(f"[reset] Deleting contents of directories: [{' '.join(map(str, folders))}]")
    for folder in folders:
        try:
            _empty(folder)
        except OSError as err:
            warning(
                f'[reset] Failed to delete contents of "{folder}" directory: {err}',
                "cleanupnode.go:136",
            )
    names = (
        "admin",
        "super-admin",
        "kubelet",
        "bootstrap-kubelet",
        "controller-manager",
        "scheduler",
    )
    files = [FOLDER / f"{n}.conf" for n in names]
    say(f"[reset] Deleting files: [{' '.join(map(str, files))}]")
    for file in files:
        file.unlink(missing_ok=True)


def _unmount() -> None:
    lines = Path("/proc/mounts").read_text().splitlines()
    mounts = [line.split()[1].replace("\\040", " ") for line in lines]
    problems = []
    for mount in sorted((m for m in mounts if m.startswith(f"{RUN}/")), reverse=True):
        done = subprocess.run(["umount", mount], check=False, capture_output=True, text=True)
        if done.returncode:
            problems.append(f'failed to unmount "{mount}": {done.stderr.strip()}')
    if problems:
        raise FatalError(
            f'encountered the following errors while unmounting directories in "{RUN}":'
            f" {', '.join(problems)}"
        )


def _remove_containers(socket: str) -> None:
    static.stop_all()
    client = Client(socket, 10.0)
    try:
        for sandbox in client.sandboxes():
            client.stop_sandbox(sandbox.id)
            client.remove_sandbox(sandbox.id)
    except GrpcError as err:
        warning(f"[reset] Failed to remove containers: {err}", "cleanupnode.go:93")


PHASES: list[Phase[Data]] = [
    Phase("preflight", _preflight),
    Phase("remove-etcd-member", _remove_member),
    Phase("cleanup-node", _cleanup),
]


def main(argv: list[str]) -> None:
    """reset, or reset phase NAME."""
    flags = parse(argv, SPEC)
    runner = Runner("reset", PHASES)
    data = data_from(flags)
    if flags.args[:1] == ["phase"]:
        runner.single(flags.args[1:], data)
        return
    skip = flags.several("skip-phases") or data.reset.get("skipPhases") or []
    if not runner.all(data, skip, dry=flags.yes("dry-run")):
        return
    print(texts.RESET)
    os.sync()

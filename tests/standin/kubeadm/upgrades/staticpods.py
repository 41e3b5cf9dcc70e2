"""Exchanging the static pods one by one, with a way back."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tests.standin.common import http, kube, times
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import KubeError
from tests.standin.controllers.mirror import is_ready
from tests.standin.etcd.client import Etcd
from tests.standin.etcd.peers import EtcdError
from tests.standin.kubeadm import etcd, images, manifests, patches
from tests.standin.kubeadm.config import net
from tests.standin.kubeadm.kubeconfigs import FOLDER
from tests.standin.kubeadm.phase import say

from . import renew
from .data import Data

TMP = Path("/etc/kubernetes/tmp")
_HASH = "kubernetes.io/config.hash"


class StaticPods:
    """One run over this node's control plane."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.renew = data.yes("certificate-renewal", "certificateRenewal", default=True)
        TMP.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = time.strftime("%Y-%m-%d-%H-%M-%S")
        self.new = TMP / f"kubeadm-upgraded-manifests{secrets.randbelow(2**32)}"
        self.new.mkdir(mode=0o700)
        self.backup = TMP / f"kubeadm-backup-manifests-{stamp}"
        self.etcd_backup = TMP / f"kubeadm-backup-etcd-{stamp}"
        for folder in (self.backup, self.etcd_backup):
            if folder.exists():
                raise FatalError("could not create timestamp directory")
            folder.mkdir(mode=0o700)
        self.moved: list[str] = []

    def run(self) -> None:
        data = self.data
        before = {name: self._hash(name) for name in manifests.PLANE}
        say(f'[upgrade/staticpods] Writing new Static Pod manifests to "{self.new}"')
        for name in manifests.PLANE:
            self._write(name)
        local = data.config.cluster["etcd"].get("local") is not None
        if local and data.yes("etcd-upgrade", "etcdUpgrade", default=True):
            self._etcd()
        for name in manifests.PLANE:
            self._component(name, before[name])
        if self.renew:
            renew.renew("admin.conf", data.config)
            if (FOLDER / "super-admin.conf").exists():
                renew.renew("super-admin.conf", data.config)
        shutil.rmtree(self.new)

    def _write(self, name: str) -> None:
        manifest = manifests.pod(self.data.config, name)
        manifests.store(patches.apply(name, manifest, self.data.patches), self.new)

    # -- etcd --------------------------------------------------------------------------------

    def _etcd(self) -> None:
        data = self.data
        etcd.check_health(data.api, data.config)
        folder = data.config.cluster["etcd"]["local"]["dataDir"]
        shutil.copytree(folder, self.etcd_backup, dirs_exist_ok=True)
        wanted = images.etcd_tag(data.config.cluster)
        have = _image_tag(manifests.FOLDER / "etcd.yaml")
        if (
            net.is_version(wanted)
            and net.is_version(have)
            and net.semantic(wanted) < net.semantic(have)
        ):
            say(
                "[upgrade/etcd] Non fatal issue encountered during upgrade: the desired etcd"
                " version"
                f' "{wanted}" is older than the currently installed "{have}". Skipping etcd upgrade'
            )
            return
        before = self._hash("etcd")
        self._write("etcd")
        try:
            self._component("etcd", before)
        except FatalError as err:
            say(f"[upgrade/etcd] Failed to upgrade etcd: {err}")
            say("[upgrade/etcd] Waiting for previous etcd to become available")
            etcd.wait_available(etcd.connect(data.api, data.config))
            say("[upgrade/etcd] Etcd was rolled back and is now available")
            raise FatalError(
                "couldn't complete the static pod upgrade: fatal error when trying to upgrade"
                " the etcd"
                f" cluster, rolled the state back to pre-upgrade state: {err}"
            ) from err
        say("[upgrade/etcd] Waiting for etcd to become available")
        client = _patiently(lambda: etcd.connect(data.api, data.config))
        etcd.wait_available(client)

    # -- one component -----------------------------------------------------------------------

    def _component(self, name: str, before: str) -> None:
        say(f'[upgrade/staticpods] Preparing for "{name}" upgrade')
        current, new = manifests.FOLDER / f"{name}.yaml", self.new / f"{name}.yaml"
        equal = current.read_text() == new.read_text()
        if equal and not (name == "etcd" and not self._same("kube-apiserver")):
            say(
                f"[upgrade/staticpods] Current and new manifests of {name} are equal, skipping"
                f" upgrade"
            )
            return
        try:
            self._exchange(name, current, new, equal=equal)
            say("[upgrade/staticpods] Waiting for the kubelet to restart the component")
            limit = times.seconds(self.data.config.init["timeouts"]["upgradeManifests"])
            say(f"[upgrade/staticpods] This can take up to {times.duration(limit)}")
            if not equal:
                self._wait_changed(name, before, limit)
            self._wait_running(name, limit)
        except (FatalError, KubeError, http.Unreachable, OSError) as err:
            self._rollback(etcd=name == "etcd")
            raise FatalError(
                "couldn't upgrade control plane. kubeadm has tried to recover everything into the"
                f" earlier state. Errors faced: {err}"
            ) from err
        say(f'[upgrade/staticpods] Component "{name}" upgraded successfully!')

    def _same(self, name: str) -> bool:
        old, new = manifests.FOLDER / f"{name}.yaml", self.new / f"{name}.yaml"
        return old.read_text() == new.read_text()

    def _exchange(self, name: str, current: Path, new: Path, *, equal: bool) -> None:
        if self.renew:
            for cert in renew.BY_COMPONENT[name]:
                say(f"[upgrade/staticpods] Renewing {cert} certificate")
                renew.renew(cert, self.data.config)
        backup = self.backup / f"{name}.yaml"
        if equal:
            say(
                f"[upgrade/staticpods] Restarting the {name} static pod and backing up its"
                f" manifest to"
                f' "{backup}"'
            )
        else:
            say(
                f'[upgrade/staticpods] Moving new manifest to "{current}" and backing up old'
                f" manifest to"
                f' "{backup}"'
            )
        self.moved.append(name)
        shutil.move(current, backup)
        shutil.move(new, current)

    def _rollback(self, *, etcd: bool) -> None:
        for name in self.moved:
            backup = self.backup / f"{name}.yaml"
            if (name != "etcd" or etcd) and backup.exists():
                shutil.move(backup, manifests.FOLDER / f"{name}.yaml")

    # -- waiting -----------------------------------------------------------------------------

    def _hash(self, name: str) -> str:
        node = self.data.config.node["name"]
        path = kube.path("pods", "kube-system", f"{name}-{node}")
        pod = kube.retry(lambda: self.data.api.get(path), 60.0)
        return str(pod["metadata"]["annotations"].get(_HASH))

    def _wait_changed(self, name: str, before: str, limit: float) -> None:
        node = self.data.config.node["name"]
        path, deadline = (
            kube.path("pods", "kube-system", f"{name}-{node}"),
            time.monotonic() + limit,
        )
        while time.monotonic() < deadline:
            try:
                pod = self.data.api.get(path)
                if pod["metadata"]["annotations"].get(_HASH) != before:
                    return
            except (KubeError, http.Unreachable):
                pass
            time.sleep(0.3)
        raise FatalError(
            f"static Pod hash for component {name} on Node {node} did not change after"
            f" {times.duration(limit)}: context deadline exceeded"
        )

    def _wait_running(self, name: str, limit: float) -> None:
        label, deadline, last = f"component={name}", time.monotonic() + limit, -1
        path = kube.path("pods", "kube-system") + f"?labelSelector={label}"
        while time.monotonic() < deadline:
            try:
                pods = self.data.api.items(path)
            except (KubeError, http.Unreachable):
                time.sleep(0.3)
                continue
            if len(pods) != last:
                say(f"[apiclient] Found {len(pods)} Pods for label selector {label}")
                last = len(pods)
            if pods and all(p["status"].get("phase") == "Running" and is_ready(p) for p in pods):
                return
            time.sleep(0.3)
        raise FatalError("timed out waiting for the condition")


def _image_tag(path: Path) -> str:
    for line in path.read_text().splitlines():
        if line.strip().startswith("image:"):
            return line.rpartition(":")[2].strip().strip('"')
    return ""


def _patiently(connect: Callable[[], Etcd]) -> Etcd:
    deadline = time.monotonic() + 30
    while True:
        try:
            return connect()
        except (KubeError, http.Unreachable, EtcdError, FatalError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)

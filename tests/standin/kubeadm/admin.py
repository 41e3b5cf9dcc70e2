"""A client for the administrator, made usable by super-admin.conf if need be."""

from __future__ import annotations

from pathlib import Path

from tests.standin.common import http, kube, times
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import Kube, KubeError

from . import rbac
from .certs import ADMINS

ADMIN = Path("/etc/kubernetes/admin.conf")
SUPER = Path("/etc/kubernetes/super-admin.conf")


def load(path: Path = ADMIN) -> Kube:
    """A client; a missing file has kubeadm's message."""
    try:
        return Kube.from_file(path)
    except OSError as err:
        raise FatalError(
            f"failed to load admin kubeconfig: open {path}: {(err.strerror or '').lower()}"
        ) from err


def ensure(timeout: str) -> Kube:
    """admin.conf with its ClusterRoleBinding in place."""
    seconds = times.seconds(timeout)
    api = load()
    try:
        kube.retry(lambda: _bind(api), seconds)
    except (KubeError, http.Unreachable) as err:
        if isinstance(err, KubeError) and err.code == 403:
            if not SUPER.exists():
                raise FatalError(
                    f"could not bootstrap the admin user in file admin.conf: the ClusterRoleBinding"
                    f" {ADMINS} is missing but there is no super-admin.conf to create it"
                ) from err
            super_api = load(SUPER)
            try:
                kube.retry(lambda: _create(super_api), seconds)
            except (KubeError, http.Unreachable) as again:
                raise _failed(again) from again
            kube.retry(lambda: _bind(api), 5.0, 0.1)
            return api
        raise _failed(err) from err
    return api


def _failed(err: Exception) -> FatalError:
    return FatalError(
        "could not bootstrap the admin user in file admin.conf: unable to create"
        " ClusterRoleBinding:"
        f" {err}"
    )


def _bind(api: Kube) -> None:
    """Works when the binding is there already; 403 means that it is not."""
    path = kube.path("clusterrolebindings", name=ADMINS, group=rbac.GROUP)
    try:
        found = api.find(path)
    except KubeError as err:
        if err.code == 403 and SUPER.exists():
            _create(load(SUPER))
        raise
    if found is None:
        _create(api)


def _create(api: Kube) -> None:
    rbac.bind_cluster(api, ADMINS, "cluster-admin", [rbac.group(ADMINS)])

"""kubeadm certs certificate-key, check-expiration, renew; kubeadm kubeconfig user."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from pathlib import Path
from typing import Any

from cryptography import x509

from tests.standin.common import kubeconfig, pki, times
from tests.standin.common.flags import Flags, Spec, parse
from tests.standin.common.http import Unreachable
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import KubeError

from . import admin, upload
from .certs import SPECS, files
from .config import load
from .config.load import InitConfig
from .flags import GLOBAL
from .upgrades.renew import ALL, CONFS, renew

SPEC = Spec(
    GLOBAL + " config cert-dir kubeconfig output",
    "o=output v=v h=help",
)


def main(argv: list[str]) -> None:
    """The second word decides."""
    flags = parse(argv, SPEC)
    words = flags.args
    if words and words[0] in COMMANDS:
        COMMANDS[words[0]](flags)
    elif words:
        raise FatalError(f'unknown command "{words[0]}" for "kubeadm certs"')
    else:
        raise FatalError("\nerror: subcommand is required")


def _key(_flags: Flags) -> None:
    print(secrets.token_hex(32))


def _config(flags: Flags, prefix: str, *, quiet: bool) -> InitConfig:
    """From the file, else from the cluster, else the defaults."""
    if flags.get("config"):
        return load.init_from(load.read(flags.get("config")), fatal=False, detect=False)
    try:
        api = admin.load(Path(flags.get("kubeconfig") or admin.ADMIN))
        if not quiet:
            upload.announce_reading(prefix)
        config = upload.fetch(api)
    except (FatalError, KubeError, Unreachable):
        found: dict[str, Any] = {"ClusterConfiguration": {"kubernetesVersion": "v1.34.0"}}
        config = load.complete_init(found, {}, detect=False)
    if flags.get("cert-dir"):
        config.cluster["certificatesDir"] = flags.get("cert-dir")
    return config


def _expiry(name: str, cert: x509.Certificate, ca: str) -> dict[str, Any]:
    end = pki.ends(cert)
    left = int((end - times.now()).total_seconds())
    out: dict[str, Any] = {"name": name, "expirationDate": times.stamp(end), "residualTime": left}
    out |= {"externallyManaged": False}
    return {**out, "caName": ca} if ca else out


def _certificates(config: InitConfig) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    folder = Path(config.cluster["certificatesDir"])
    leaves: list[dict[str, Any]] = []
    cas: list[dict[str, Any]] = []
    for spec in SPECS:
        path = files(folder, spec.base)[0]
        target = leaves if spec.ca else cas
        if path.exists():
            target.append(_expiry(spec.name, pki.load_cert(path), spec.ca))
        else:
            target.append(
                {"name": spec.name, "missing": True, **({"caName": spec.ca} if spec.ca else {})}
            )
    for conf in CONFS:
        path = Path("/etc/kubernetes") / conf
        if path.exists():
            _, user = kubeconfig.current(kubeconfig.load(path))
            pem = kubeconfig.text(user, "client-certificate").encode()
            leaves.append(_expiry(conf, x509.load_pem_x509_certificate(pem), "ca"))
        else:
            leaves.append({"name": conf, "missing": True, "caName": "ca"})
    return sorted(leaves, key=_by_name), sorted(cas, key=_by_name)


def _by_name(entry: dict[str, Any]) -> str:
    return str(entry["name"])


def _check(flags: Flags) -> None:
    as_json = flags.get("output") == "json"
    config = _config(flags, "check-expiration", quiet=as_json)
    leaves, cas = _certificates(config)
    if as_json:
        value = {
            "kind": "CertificateExpirationInfo",
            "apiVersion": "output.kubeadm.k8s.io/v1alpha3",
            "certificates": leaves,
            "certificateAuthorities": cas,
        }
        print(json.dumps(value, indent=4))
        return
    print()
    titles = [
        "CERTIFICATE",
        "EXPIRES",
        "RESIDUAL TIME",
        "CERTIFICATE AUTHORITY",
        "EXTERNALLY MANAGED",
    ]
    rows = [_row(c, [c.get("caName", "")]) for c in leaves]
    _table([titles, *rows])
    print()
    titles = ["CERTIFICATE AUTHORITY", "EXPIRES", "RESIDUAL TIME", "EXTERNALLY MANAGED"]
    _table([titles, *(_row(c, []) for c in cas)])


def _row(entry: dict[str, Any], middle: list[str]) -> list[str]:
    if entry.get("missing"):
        return [f"!MISSING! {entry['name']}", "", "", *["" for _ in middle], ""]
    end = times.parse(entry["expirationDate"]) or dt.datetime.now(dt.UTC)
    days = entry["residualTime"] // 86400
    left = f"{days // 365}y" if days >= 730 else f"{days}d"
    return [entry["name"], end.strftime("%b %d, %Y %H:%M UTC"), left, *middle, "no"]


def _table(rows: list[list[str]]) -> None:
    widths = [max(len(r[n]) for r in rows) + 3 for n in range(len(rows[0]))]
    for row in rows:
        cells = [c.ljust(w) for c, w in zip(row, widths, strict=True)]
        last = row[-1].ljust(8) if row is not rows[0] else row[-1]
        print("".join(cells[:-1]) + last)


def _renew(flags: Flags) -> None:
    if len(flags.args) < 2:
        raise FatalError("\nerror: subcommand is required")
    name = flags.args[1]
    config = _config(flags, "renew", quiet=False)
    names = ALL if name == "all" else [name]
    if name != "all" and name not in ALL:
        raise FatalError(f'unknown command "{name}" for "kubeadm certs renew"')
    print()
    for item in names:
        if item == "super-admin.conf" and not admin.SUPER.exists():
            print("MISSING! certificate embedded in the kubeconfig file for the super-admin")
            continue
        renew(item, config)
        print(f"{_TITLES.get(item, 'certificate ' + item)} renewed")
    print(
        "\nDone renewing certificates. You must restart the kube-apiserver,"
        " kube-controller-manager,"
        " kube-scheduler and etcd, so that they can use the new certificates."
    )


_TITLES = {
    "admin.conf": "certificate embedded in the kubeconfig file for the admin to use and for"
    " kubeadm itself",
    "apiserver": "certificate for serving the Kubernetes API",
    "apiserver-etcd-client": "certificate the apiserver uses to access etcd",
    "apiserver-kubelet-client": "certificate for the API server to connect to kubelet",
    "controller-manager.conf": "certificate embedded in the kubeconfig file for the controller"
    " manager to use",
    "etcd-healthcheck-client": "certificate for liveness probes to healthcheck etcd",
    "etcd-peer": "certificate for etcd nodes to communicate with each other",
    "etcd-server": "certificate for serving etcd",
    "front-proxy-client": "certificate for the front proxy client",
    "scheduler.conf": "certificate embedded in the kubeconfig file for the scheduler manager to"
    " use",
    "super-admin.conf": "certificate embedded in the kubeconfig file for the super-admin",
}


COMMANDS = {"certificate-key": _key, "check-expiration": _check, "renew": _renew}

"""New certificates with the names of the old ones."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.standin.common import kubeconfig, pki, times
from tests.standin.kubeadm.certs import BY_NAME, files, load_ca, save
from tests.standin.kubeadm.config.load import InitConfig
from tests.standin.kubeadm.kubeconfigs import FOLDER

BY_COMPONENT = {
    "etcd": ("etcd-server", "etcd-peer", "etcd-healthcheck-client"),
    "kube-apiserver": (
        "apiserver", "apiserver-kubelet-client", "front-proxy-client", "apiserver-etcd-client",
    ),
    "kube-controller-manager": ("controller-manager.conf",),
    "kube-scheduler": ("scheduler.conf",),
}  # fmt: skip
CONFS = ("admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf")
ALL = sorted({n for names in BY_COMPONENT.values() for n in names} | set(CONFS))


def _want(cert: x509.Certificate, config: InitConfig) -> pki.Want:
    """What the old certificate was."""
    subject = cert.subject
    name = str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    groups = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    usage = list(cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    sans: tuple[str, ...] = ()
    try:
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        sans = (
            *names.get_values_for_type(x509.DNSName),
            *(str(ip) for ip in names.get_values_for_type(x509.IPAddress)),
        )
    except x509.ExtensionNotFound:
        pass
    usages = tuple(
        u
        for u, oid in (
            ("server", ExtendedKeyUsageOID.SERVER_AUTH),
            ("client", ExtendedKeyUsageOID.CLIENT_AUTH),
        )
        if oid in usage
    )
    seconds = times.seconds(config.cluster["certificateValidityPeriod"])
    return pki.Want(name, tuple(str(g.value) for g in groups), usages, sans, seconds)


def renew(name: str, config: InitConfig) -> None:
    """One certificate or kubeconfig, in its place."""
    folder = Path(config.cluster["certificatesDir"])
    if name.endswith(".conf"):
        _renew_conf(FOLDER / name, folder, config)
        return
    spec = BY_NAME[name]
    old = pki.load_cert(files(folder, spec.base)[0])
    save(folder, spec.base, pki.issue(load_ca(folder, BY_NAME[spec.ca]), _want(old, config)))


def _renew_conf(path: Path, folder: Path, config: InitConfig) -> None:
    conf = kubeconfig.load(path)
    cluster, user = kubeconfig.current(conf)
    old = x509.load_pem_x509_certificate(kubeconfig.text(user, "client-certificate").encode())
    ca = load_ca(folder, BY_NAME["ca"])
    pair = pki.issue(ca, _want(old, config))
    cluster["certificate-authority-data"] = kubeconfig.encode(ca.cert_pem())
    user.clear()
    user.update(kubeconfig.with_cert(pair.cert_pem(), pair.key_pem()))
    kubeconfig.write(path, conf)

"""TLS contexts from files or texts."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
import threading
import time
from pathlib import Path


def client(
    ca: str = "", cert: str = "", key: str = "", *, insecure: bool = False
) -> ssl.SSLContext:
    """A client's context; ca is a PEM text, cert and key are file names or PEM texts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = not insecure
    context.verify_mode = ssl.CERT_NONE if insecure else ssl.CERT_REQUIRED
    if ca and not insecure:
        context.load_verify_locations(cadata=ca)
    if cert:
        load_pair(context, cert, key)
    return context


def server(cert: str, key: str, ca: str = "", *, required: bool = False) -> ssl.SSLContext:
    """A server's context (file names) that asks for client certificates when ca is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if ca:
        context.load_verify_locations(cafile=ca)
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


def load_pair(context: ssl.SSLContext, cert: str, key: str) -> None:
    """Load a certificate and key; PEM texts go through a short-lived file."""
    if "-----BEGIN" not in cert:
        context.load_cert_chain(cert, key)
        return
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "pair.pem"
        pem.write_text(cert + "\n" + key)
        context.load_cert_chain(pem)


def follow(context: ssl.SSLContext, cert: str, key: str) -> ssl.SSLContext:
    """Load the files again when they change, as the API server and etcd do."""

    def watch() -> None:
        seen = _changed(cert)
        while True:
            time.sleep(0.5)
            if (now := _changed(cert)) != seen:
                with contextlib.suppress(OSError):  # the key is of the other certificate yet
                    context.load_cert_chain(cert, key)
                    seen = now

    threading.Thread(target=watch, daemon=True).start()
    return context


def _changed(path: str) -> float:
    with contextlib.suppress(OSError):
        return Path(path).stat().st_mtime
    return 0.0

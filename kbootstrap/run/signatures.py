"""Signatures of Kubernetes releases, checked by `cosign` if it is installed; called by ``pin``.

https://kubernetes.io/docs/tasks/administer-cluster/verify-signed-artifacts/ has the command, the
signer and the files NAME.sig and NAME.cert beside each binary of dl.k8s.io.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from kbootstrap import codes
from kbootstrap.artifacts import downloads
from kbootstrap.atomic_file import create
from kbootstrap.errors import TrustError

SITE = "https://dl.k8s.io/"
SIGNER = (
    *("--certificate-identity", "krel-staging@k8s-releng-prod.iam.gserviceaccount.com"),
    *("--certificate-oidc-issuer", "https://accounts.google.com"),
)
_SECONDS = 120
_SHOWN = 2000  # characters of its output


def cosign() -> str:
    """Its path; empty if it is not installed."""
    return shutil.which("cosign") or ""


def is_signed(url: str) -> bool:
    """Whether Kubernetes publishes a signature beside this file; a mirror may have none."""
    return url.startswith(SITE)


def check(url: str, data: bytes) -> None:
    """Verify a binary of the release site.

    Raises:
        PhaseError: KB311, its signature or certificate cannot be read.
        TrustError: KB513, cosign refuses it, or does not end.

    """
    with tempfile.TemporaryDirectory() as name:
        files = {
            Path(name, "binary"): data,
            Path(name, "sig"): downloads.read(f"{url}.sig", downloads.TEXT_BYTES),
            Path(name, "cert"): downloads.read(f"{url}.cert", downloads.TEXT_BYTES),
        }
        for path, content in files.items():
            with create(path) as file:
                file.write(content)
        binary, signature, certificate = map(str, files)
        beside = ("--signature", signature, "--certificate", certificate)
        _run(url, [cosign(), "verify-blob", binary, *beside, *SIGNER])


def _run(url: str, command: list[str]) -> None:
    message = f"cosign does not verify {url}"
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TrustError(codes.UNSIGNED, message, detail=str(error)) from error
    if done.returncode != 0:
        detail = (done.stdout + done.stderr)[-_SHOWN:].strip()
        raise TrustError(codes.UNSIGNED, message, detail=detail)

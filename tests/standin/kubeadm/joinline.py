"""The join command that init and token create print."""

from __future__ import annotations

from pathlib import Path

from tests.standin.common import kubeconfig, pki


def command(
    admin: Path, token: str, key: str = "", *, plane: bool = False, one_line: bool = False
) -> str:
    """Kubeadm join ..., over several lines unless one is wanted."""
    cluster, _ = kubeconfig.current(kubeconfig.load(admin))
    server = str(cluster["server"]).removeprefix("https://")
    digest = pki.public_key_hash(kubeconfig.text(cluster, "certificate-authority"))
    line = f"kubeadm join {server} --token {token} \\\n\t--discovery-token-ca-cert-hash {digest} "
    if plane:
        line += "\\\n\t--control-plane "
        if key:
            line += f"--certificate-key {key}"
    if one_line:
        return line.replace("\\\n\t", "")
    return line

"""Looks for secrets where none may be: logs, journals, state files, kubelet and sshd logs."""

import re
from collections.abc import Collection
from pathlib import Path

from tests.e2e.site import Site
from tests.lab.node import Node

TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
KEY = re.compile(r"(?<!sha256:)(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
PEM = "PRIVATE KEY"
# kubeadm keeps its keys in /etc/kubernetes and the kubelet in /var/lib/kubelet/pki; everything
# else of a node that kbootstrap or a binary of the node writes must be free of them.
SEARCH = "/var/lib/kbootstrap /run /var/log /tmp /root /home /etc --exclude-dir=kubernetes"
JOURNAL = "journalctl --no-pager -q"


def found_secrets(site: Site, values: Collection[str] = ()) -> list[str]:
    """Every line with a token, a private key or one of the ``values``, with its place."""
    found = [
        f"operator {path}: {line}"
        for path in _files(site.folder)
        for line in path.read_text(errors="replace").splitlines()
        if _is_bad(line) or any(value in line for value in values)
    ]
    for node in site.lab.nodes:
        found += [f"{node.name}: {line}" for line in _shapes(node)]
        found += [f"{node.name}: {line}" for line in _holding(node, values)]
    return found


def _shapes(node: Node) -> list[str]:
    """What looks like a token or a key in kbootstrap's own files and the logs of its visits."""
    text = node.exec(
        "grep -rIE '[a-z0-9]{6}\\.[a-z0-9]{16}|PRIVATE KEY' "
        "/var/lib/kbootstrap /run/kbootstrap /var/log 2>/dev/null || true; "
        f"{JOURNAL} _COMM=sshd _COMM=sudo _SYSTEMD_UNIT=ssh.service"
    ).stdout
    return [line for line in text.splitlines() if _is_bad(line)]


def _holding(node: Node, values: Collection[str]) -> list[str]:
    """Where these very values stand; they are handed over on standard input."""
    if not values:
        return []
    said = node.exec(
        "umask 077; cat >/dev/shm/sought; "
        f"grep -rIsF -D skip -f /dev/shm/sought {SEARCH}; "
        f"{JOURNAL} | grep -F -f /dev/shm/sought; rm /dev/shm/sought",
        stdin="".join(f"{value}\n" for value in values),
    )
    return said.stdout.splitlines()


def _files(folder: Path) -> list[Path]:
    """Logs and journals; the kubeconfig is the product itself, binaries are no text."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".kubeconfig" and "programs" not in path.parts
    ]


def _is_bad(line: str) -> bool:
    return bool(TOKEN.search(line)) or PEM in line

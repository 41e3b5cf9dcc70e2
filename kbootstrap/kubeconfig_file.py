"""The kubeconfig on the operator's workstation, as a plan compares it with the cluster."""

import base64
from pathlib import Path

import yaml


def trusted_ca(kubeconfig: Path) -> str:
    """PEM of the CA that a kubeconfig trusts; empty if the file has none or cannot be read."""
    try:
        config = yaml.safe_load(kubeconfig.read_text())
        data = config["clusters"][0]["cluster"]["certificate-authority-data"]
        return base64.b64decode(data).decode()
    except (OSError, KeyError, IndexError, TypeError, ValueError, yaml.YAMLError):
        return ""

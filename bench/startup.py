"""Row (f): how long it takes before anything happens."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from bench.cases import BIN

NODES = 300


def measure_all(runs: int) -> dict[str, Any]:
    """Median seconds of each command."""
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as folder:
        inventory = Path(folder) / "inventory.yaml"
        inventory.write_text(yaml.safe_dump(_inventory(), sort_keys=False))
        python = [sys.executable]
        commands = {
            "python -c pass": [*python, "-c", "pass"],
            "kbootstrap --help": [*python, "-m", "kbootstrap", "--help"],
            f"kbootstrap validate, {NODES} nodes": [
                *python,
                "-m",
                "kbootstrap",
                "validate",
                str(inventory),
            ],
            "ansible-playbook --help": [str(BIN / "ansible-playbook"), "--help"],
            "pyinfra --help": [str(BIN / "pyinfra"), "--help"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(max(runs, 3) * 4):
            for name, words in commands.items():
                if Path(words[0]).exists():
                    times[name].append(_seconds(words))
    return {
        name: {"median": statistics.median(t), "least": min(t)} for name, t in times.items() if t
    }


def _seconds(words: list[str]) -> float:
    start = time.monotonic()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def _inventory() -> dict[str, Any]:
    return {
        "cluster": {"name": "big"},
        "kubernetes": {"version": "v1.34.2"},
        "nodes": [
            {
                "name": f"node{n}",
                "address": f"10.0.{n // 250}.{n % 250 + 1}",
                "role": "worker" if n else "control-plane",
            }
            for n in range(NODES)
        ],
        "network": {"pod_cidr": "10.128.0.0/12", "service_cidr": "10.96.0.0/12"},
        "cni": {"type": "none"},
    }

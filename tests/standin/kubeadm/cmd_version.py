"""kubeadm version."""

from __future__ import annotations

import json

from tests.standin import stamp
from tests.standin.common import yamlio
from tests.standin.common.flags import Spec, parse
from tests.standin.common.klog import FatalError

from .flags import GLOBAL

SPEC = Spec(GLOBAL + " output", "o=output v=v h=help")


def info() -> dict[str, str]:
    major, minor, _ = stamp.VERSION.lstrip("v").split(".", 2)
    return {
        "major": major,
        "minor": minor,
        "gitVersion": stamp.VERSION,
        "gitCommit": stamp.COMMIT,
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.25.1",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def main(argv: list[str]) -> None:
    """-o short, json, yaml or the Go struct."""
    output = parse(argv, SPEC).get("output")
    value = info()
    if output == "short":
        print(stamp.VERSION)
    elif output == "json":
        print(json.dumps({"clientVersion": value}, indent=2))
    elif output == "yaml":
        print(yamlio.dump({"clientVersion": value}))
    elif output:
        raise FatalError(f"invalid output format: {output}")
    else:
        fields = {
            "Major": value["major"], "Minor": value["minor"], "EmulationMajor": "",
            "EmulationMinor": "", "MinCompatibilityMajor": "", "MinCompatibilityMinor": "",
            "GitVersion": value["gitVersion"], "GitCommit": value["gitCommit"],
            "GitTreeState": value["gitTreeState"], "BuildDate": value["buildDate"],
            "GoVersion": value["goVersion"], "Compiler": value["compiler"],
            "Platform": value["platform"],
        }  # fmt: skip
        inner = ", ".join(f'{k}:"{v}"' for k, v in fields.items())
        print(f"kubeadm version: &version.Info{{{inner}}}")

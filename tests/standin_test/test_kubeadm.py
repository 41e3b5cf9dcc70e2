"""Messages of the real kubeadm, recorded, against the stand-in; and what joins rely on."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.standin import build
from tests.standin.common import flags, pki, times
from tests.standin.common.klog import FatalError
from tests.standin.controllers.security import detached_jws
from tests.standin.kubeadm import cli
from tests.standin.kubeadm.upgrades import policy

RECORDED: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("messages.json").read_text()
)
CONTENT = "Hello from the other side. I must have called a thousand times."
KLOG = re.compile(r"^([WIE])\d{4} [\d:.]+ +\d+ \S+\] ", re.MULTILINE)


@pytest.mark.parametrize("name", RECORDED)
def test_config_validate_says_what_the_real_one_says(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = RECORDED[name]
    file = tmp_path / "x.yaml"
    file.write_bytes(real["yaml"].encode())
    code = cli.main(["config", "validate", "--config", str(file)])
    said = capsys.readouterr()
    assert (code, said.out, KLOG.sub(r"\1 ", said.err)) == (real["rc"], real["out"], real["err"])


def test_images_of_a_private_registry(capsys: pytest.CaptureFixture[str]) -> None:
    words = "config images list --kubernetes-version v1.34.2 --image-repository 10.90.0.1:5000/k8s"
    assert cli.main(words.split()) == 0
    assert capsys.readouterr().out.split() == [
        "10.90.0.1:5000/k8s/kube-apiserver:v1.34.2",
        "10.90.0.1:5000/k8s/kube-controller-manager:v1.34.2",
        "10.90.0.1:5000/k8s/kube-scheduler:v1.34.2",
        "10.90.0.1:5000/k8s/kube-proxy:v1.34.2",
        "10.90.0.1:5000/k8s/coredns:v1.12.3",
        "10.90.0.1:5000/k8s/pause:3.10.1",
        "10.90.0.1:5000/k8s/etcd:3.6.4-0",
    ]


def test_config_tolerates_few_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(RECORDED["good"]["yaml"])
    assert cli.main(["init", "--config", str(file), "--certificate-key", "a", "--token", "b"]) == 1
    text = "can not mix '--config' with arguments [certificate-key token]"
    assert text in capsys.readouterr().err


def test_unknown_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["join", "--foo"]) == 1
    assert capsys.readouterr().err == (
        "error: unknown flag: --foo\n"
        "To see the stack trace of this error execute with --v=5 or higher\n"
    )


def test_flags_are_read_like_pflag() -> None:
    spec = flags.Spec("config force? ignore* v", "f=force v=v")
    found = flags.parse(["-f", "--ignore=a,b", "--ignore", "c", "--config", "x", "w", "-v5"], spec)
    assert found.yes("force")
    assert found.several("ignore") == ["a", "b", "c"]
    assert (found.get("config"), found.get("v"), found.args) == ("x", "5", ["w"])
    with pytest.raises(FatalError, match="flag needs an argument: --config"):
        flags.parse(["--config"], spec)


def test_jws_has_the_form_of_upstream() -> None:
    # the vector of k8s.io/cluster-bootstrap/token/jws
    signature = detached_jws(CONTENT, "joshua", "my voice is my passcode")
    assert signature == (
        "eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8"
    )


def test_hash_of_the_ca_is_that_of_openssl(tmp_path: Path) -> None:
    ca = pki.authority("kubernetes", algorithm="ECDSA-P256")
    (tmp_path / "ca.crt").write_text(ca.cert_pem())
    command = (
        f"openssl x509 -pubkey -noout -in {tmp_path}/ca.crt | openssl pkey -pubin -outform der"
        " | sha256sum"
    )
    done = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)
    assert pki.public_key_hash(ca.cert_pem()) == "sha256:" + done.stdout.split()[0]


def test_durations() -> None:
    assert times.seconds("1h2m3.5s") == 3723.5
    assert times.duration(240) == "4m0s"
    assert times.duration(0.50067977) == "500.67977ms"
    assert times.duration(87600 * 3600) == "87600h0m0s"


@pytest.mark.parametrize(
    ("new", "current", "hard", "soft"),
    [
        ("v1.34.3", "v1.34.2", [], ["is higher than the kubeadm version"]),
        ("v1.36.0", "v1.34.2", ["is too high", "(36 > 34)"], []),
        ("v1.34.2", "v1.34.2", [], []),
        ("v1.33.9", "v1.34.2", [], ["can only be used to upgrade to Kubernetes version 1.34"]),
    ],
)
def test_version_skew(new: str, current: str, hard: list[str], soft: list[str]) -> None:
    found = policy.faults(new, current, {"v1.34.2": ["n1"]}, (False, False))
    for texts, wanted in zip(found, (hard, soft), strict=True):
        assert len(texts) == len(wanted)
        assert all(part in text for part, text in zip(wanted, texts, strict=True))


def test_built_binaries_stand_alone(tmp_path: Path) -> None:
    build.build("v1.99.7", tmp_path)
    for name, words, answer in (
        ("kubeadm", ["version", "-o", "short"], "v1.99.7"),
        ("kubelet", ["--version"], "Kubernetes v1.99.7"),
        ("kubectl", ["version", "--client"], "Client Version: v1.99.7"),
        ("crictl", ["--version"], "crictl version 1.34.0"),
    ):
        argv = [sys.executable, str(tmp_path / name), *words]
        done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd="/")
        assert done.stdout.strip() == answer

"""What is rendered is what the golden files say, and a shell and kubeadm accept it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kbootstrap.resources import data_path
from tests.golden.rendered import GROUPS, HEAD, MINORS, detached, files, parts, release

EXPECTED = Path(__file__).parent / "expected"
KUBEADM = Path("/opt/kbootstrap-lab/kubernetes")


@pytest.mark.parametrize("group", GROUPS)
def test_golden(group: str, request: pytest.FixtureRequest) -> None:
    """`pytest tests/golden --update-golden` writes the files again."""
    wanted = files(group)
    folder = EXPECTED / group
    if request.config.getoption("--update-golden"):
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in wanted.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

    assert found == wanted.keys()
    for name, text in wanted.items():
        assert text == (folder / name).read_text(), f"{name}: see --update-golden"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every shell text there is: parts of plans, each once, detached commands, the library."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "parts.sh").write_text(HEAD + "\n".join(sorted(parts())))
    for number, body in enumerate(sorted(set(detached()))):
        (folder / f"detached-{number}.sh").write_text(HEAD + body)
    remote = (data_path("templates") / "remote").glob("*.sh")
    own = [*EXPECTED.glob("host/*.sh"), *EXPECTED.glob("lock/*.sh")]
    return [*own, *sorted(remote), *sorted(folder.iterdir())]


def test_shellcheck_accepts_every_script(scripts: list[Path]) -> None:
    done = subprocess.run(
        ["shellcheck", "--format=gcc", *scripts],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    assert done.stdout + done.stderr == ""


def test_dash_can_read_every_script(scripts: list[Path]) -> None:
    if shutil.which("dash") is None:
        pytest.skip("NOT RUN: dash is not installed")
    for path in scripts:
        subprocess.run(["dash", "-n", path], check=True)


@pytest.mark.parametrize("minor", MINORS)
def test_arguments_are_written_as_the_api_version_wants(minor: int) -> None:
    written = files("kubeadm")
    init, cluster, kubelet, _ = yaml.safe_load_all(written[f"v1.{minor}/init.yaml"])
    (join,) = yaml.safe_load_all(written[f"v1.{minor}/join-worker.yaml"])
    new = minor >= 31

    for document in (init, cluster, join):
        assert document["apiVersion"] == f"kubeadm.k8s.io/{'v1beta4' if new else 'v1beta3'}"
    for holder in (cluster["apiServer"], cluster["etcd"]["local"]):
        assert isinstance(holder["extraArgs"], list if new else dict)
    assert isinstance(join["nodeRegistration"]["kubeletExtraArgs"], list if new else dict)
    assert ("timeouts" in init, "timeouts" in join) == (new, new)
    assert ("timeoutForControlPlane" in cluster["apiServer"]) is not new
    assert "show-join-command" in init["skipPhases"]
    assert kubelet["cgroupDriver"] == "systemd"


@pytest.mark.parametrize(("minor", "program"), [(30, 34), (34, 34), (35, 35)])
def test_the_real_kubeadm_accepts_its_configuration(
    minor: int, program: int, tmp_path: Path
) -> None:
    """That of 1.34 still reads v1beta3, though it makes no cluster as old as 1.30."""
    kubeadm = KUBEADM / release(program) / "kubeadm"
    if not kubeadm.exists():
        pytest.skip(f"NOT RUN: the real kubeadm is not at {kubeadm}")
    config = tmp_path / "config.yaml"
    for name, text in files("kubeadm").items():
        if name.startswith(f"v1.{minor}/"):
            config.write_text(filled(text.replace(release(minor), release(program))))
            said = subprocess.run(
                [kubeadm, "config", "validate", "--config", config],
                capture_output=True,
                text=True,
                check=False,
            )
            assert (name, said.stdout, said.stderr) == (name, "ok\n", "")


def filled(text: str) -> str:
    """The text with values of the right form in the placeholders."""
    slots = {"token": "abcdef.0123456789abcdef", "ca_hash": f"sha256:{'0' * 64}"}
    for slot, value in (slots | {"certificate_key": "0" * 64}).items():
        text = text.replace(f"@@{slot}@@", value)
    return text

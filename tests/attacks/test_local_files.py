"""A colleague who puts something endless where the operator's files are read.

A FIFO that nothing writes to, or a link to /dev/zero, in the place of a file beside the inventory.
Each is read in a process of its own, which must end soon and with little memory.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from kbootstrap.errors import InventoryError
from kbootstrap.model.load import load
from kbootstrap.run import local_inputs
from tests.unit.model.writing import inventory

MEMORY = 1024**3
PLANTED = {
    "pins": ("inventory.pins.yaml", "", "KB197"),
    "source": ("x.conf", "files: [{path: /etc/x.conf, source: x.conf}]\n", "KB"),
    "patch": ("patches/etcd.yaml", "kubeadm: {patches: patches}\n", "KB"),
    "manifest": ("net.yaml", "cni: {type: manifest, manifests: [net.yaml]}\n", "KB"),
    "kubeconfig": ("demo.kubeconfig", "", ""),
    "plan": ("plan.json", "", "KB195"),
    "password": ("password", "defaults: {ssh: {password: {file: password}}}\n", "KB213"),
}
READ = """\
import sys
from contextlib import suppress
from pathlib import Path
from kbootstrap.errors import KbError
from kbootstrap import kubeconfig_file
from kbootstrap.model.load import load
from kbootstrap.remote.secret_source import Secrets
from kbootstrap.run import local_inputs
from kbootstrap.run.saved_plan import SavedPlan
path = Path(sys.argv[1])
try:
    cluster = load(path)
    local_inputs.read(cluster, [], None)
    found = kubeconfig_file.read(path.with_name("demo.kubeconfig"))
    assert found == kubeconfig_file.KubeconfigFile()
    if cluster.nodes[0].ssh.password:
        Secrets().resolve(cluster.nodes[0].ssh.password)
    with suppress(FileNotFoundError):
        SavedPlan.read(path.with_name("plan.json"))
except OSError as error:
    print("KB195", error)
except KbError as error:
    print(error.code.id, error)
"""


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def plant(place: Path, kind: str) -> None:
    place.parent.mkdir(exist_ok=True)
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "zero":
        place.symlink_to("/dev/zero")
    else:
        with place.open("wb") as file:
            file.truncate(2 * MEMORY)


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        *(("pins", "fifo"), ("source", "fifo"), ("kubeconfig", "fifo"), ("manifest", "fifo")),
        *(("source", "zero"), ("kubeconfig", "zero"), ("password", "zero")),
        *(("patch", "large"), ("kubeconfig", "large")),
        *(("plan", "fifo"), ("plan", "zero")),
    ],
)
def test_no_file_of_the_operator_is_endless(tmp_path: Path, what: str, kind: str) -> None:
    """Except that a FIFO with a password is waited for: a password manager may write to it."""
    name, text, code = PLANTED[what]
    path = tmp_path / "inventory.yaml"
    path.write_text(inventory(text))
    plant(tmp_path / name, kind)

    done = subprocess.run(
        [sys.executable, "-c", READ, path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=limited,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(code)


def test_a_patch_that_is_no_text_is_an_error_of_the_inventory(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(inventory("kubeadm: {patches: patches}\n"))
    (tmp_path / "patches").mkdir()
    (tmp_path / "patches" / "etcd.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InventoryError, match="is not text"):
        local_inputs.read(load(path), [], None)

"""The download on a node: its script, with this host as the node."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from kbootstrap.action import FetchBinary
from tests.attacks.release_site import ReleaseSite, flooding

# What the script uses of the shell library.
LIBRARY = "set -eu\nkb_ledger() { :; }\nkb_wrote() { :; }\n"
LIBRARY += "kb_replace() { :; }\nkb_secure() { :; }\nkb_still() { :; }\n"
SUM = hashlib.sha256(b"good").hexdigest()

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def fetch(
    site: ReleaseSite, url: str, target: Path, home: Path
) -> "subprocess.CompletedProcess[str]":
    script = FetchBinary(why="x", path=str(target), url=url, sha256=SUM).script()
    return subprocess.run(
        ["dash", "-c", LIBRARY + script.rpartition("\n")[0]],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "CURL_CA_BUNDLE": str(site.ca)},
    )


def test_a_binary_is_downloaded(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.serve("/kubeadm", b"good")
    target = tmp_path / "kubeadm"
    done = fetch(release_site, f"{release_site.https}/kubeadm", target, tmp_path)
    assert (done.returncode, target.read_bytes()) == (0, b"good"), done.stderr


def test_no_redirect_leads_down(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.redirect("/kubeadm", f"{release_site.http}/plain")
    release_site.serve("/plain", b"good")
    target = tmp_path / "kubeadm"

    done = fetch(release_site, f"{release_site.https}/kubeadm", target, tmp_path)

    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []
    assert release_site.asked == ["/kubeadm"]


def test_a_curlrc_of_root_changes_nothing(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.serve("/kubeadm", b"good")
    release_site.serve("/more", b"evil")
    more = f"url = {release_site.https}/more\noutput = {tmp_path}/elsewhere\n"
    (tmp_path / ".curlrc").write_text(more)
    done = fetch(release_site, f"{release_site.https}/kubeadm", tmp_path / "k", tmp_path)
    assert (done.returncode, (tmp_path / "k").read_bytes()) == (0, b"good"), done.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_the_disk_is_not_filled(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.answer("/kubeadm", flooding(b"HTTP/1.1 200 OK\r\n\r\n", bytes(2**20)))
    done = fetch(release_site, f"{release_site.https}/kubeadm", tmp_path / "k", tmp_path)
    assert done.returncode != 0
    assert "KB-CHECKSUM" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_another_binary_does_not_stay(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.serve("/kubeadm", b"evil")
    done = fetch(release_site, f"{release_site.https}/kubeadm", tmp_path / "k", tmp_path)
    assert done.returncode == 1
    assert "KB-CHECKSUM" in done.stdout
    assert list(tmp_path.iterdir()) == []

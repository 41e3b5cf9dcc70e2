"""The script that makes a kubelet request a client certificate; nothing secret is left by it."""

import subprocess
from pathlib import Path

import pytest

from kbootstrap.render import render

# A kubelet that gets its certificate when it starts with a bootstrap configuration.
RESTART = """
kb_fail() { echo "$*"; exit 1; }
journalctl() { :; }
sleep() { :; }
kb_unit() {
  cp "$site/etc/bootstrap-kubelet.conf" "$site/seen"
  [ ! -e "$site/refused" ] || return 0
  echo new >"$site/new.pem"
  ln -sf "$site/new.pem" "$site/current.pem"
}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "etc/pki").mkdir(parents=True)
    (tmp_path / "etc/pki/ca.crt").write_text("CA\n")
    (tmp_path / "etc/kubelet.conf").write_text("    server: https://api.example.test:6443\n")
    (tmp_path / "old.pem").write_text("old\n")
    (tmp_path / "current.pem").symlink_to(tmp_path / "old.pem")
    (tmp_path / "token").write_text("abcdef.0123456789abcdef\n")
    return tmp_path


def request(site: Path) -> subprocess.CompletedProcess[str]:
    script = render(
        "certificates/bootstrap.sh.j2",
        current=str(site / "current.pem"),
        token=str(site / "token"),
        valid=True,
        seconds=1,
    )
    text = f"site='{site}'\n{RESTART}{script}".replace("/etc/kubernetes", f"{site}/etc")
    return subprocess.run(["sh", "-euc", text], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("refused", [False, True])
def test_neither_the_token_nor_the_configuration_is_left(site: Path, *, refused: bool) -> None:
    """Also if kbootstrap is killed meanwhile: the script continues to its end."""
    if refused:
        (site / "refused").touch()

    done = request(site)

    assert (done.returncode != 0) == refused, done.stdout + done.stderr
    assert "token: abcdef.0123456789abcdef" in (site / "seen").read_text()
    assert not (site / "token").exists()
    assert not (site / "etc/bootstrap-kubelet.conf").exists()
    assert (site / "current.pem").read_text() == ("old\n" if refused else "new\n")

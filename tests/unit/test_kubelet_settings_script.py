"""The script that gives a kubelet new settings: to one that takes them, and to one that ends."""

import subprocess
from pathlib import Path

import pytest

from kbootstrap.render import render

OLD, NEW = "maxPods: 110\n", "maxPods: -5\n"
OLD_FLAGS, NEW_FLAGS = 'KUBELET_KUBEADM_ARGS="--v=2"', 'KUBELET_KUBEADM_ARGS="--v=4"'
TOOLS = {
    "kubeadm": """
echo "$*" >>"$site/kubeadm.called"
[ ! -e "$site/no-kubeadm" ] || { echo "error: no such field"; exit 1; }
away=$(cat "$site/away" 2>/dev/null || echo 0)
if [ "$away" -gt 0 ]; then
  echo $((away - 1)) >"$site/away"
  echo "error: i/o timeout"
  exit 1
fi
echo 'maxPods: -5' >"$site/kubelet/config.yaml"
""",
    # A kubelet that refuses a negative number ends at once, again and again.
    "systemctl": """
refuses=$(grep -c -e -5 "$site/kubelet/config.yaml" || :)
[ -e "$site/picky" ] || refuses=0
case $1 in
restart) echo 0 >"$site/restarts"; echo "$refuses" >>"$site/restarted" ;;
show)
  restarts=$(($(cat "$site/restarts") + refuses))
  echo "$restarts" >"$site/restarts"
  echo "MainPID=$([ "$refuses" = 1 ] && echo 0 || echo 77)"
  echo "NRestarts=$restarts" ;;
esac
""",
    "kubectl": """
away=$(cat "$site/away" 2>/dev/null || echo 0)
case "$away $*" in
"0 "* | *healthz) printf ok ;;
*) echo refused; exit 1 ;;
esac
""",
    "sleep": ":\n",
    "journalctl": """
echo 'I1130 21:00:00.0 1 server.go:1] starting'
echo 'E1130 21:00:00.1 1 run.go:72] "command failed" err="maxPods -5 must not be negative"'
""",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for name, body in TOOLS.items():
        tool = tmp_path / "bin" / name
        tool.write_text(f"#!/bin/sh\nsite='{tmp_path}'\n{body}")
        tool.chmod(0o755)
    (tmp_path / "kubelet").mkdir()
    (tmp_path / "kubelet" / "config.yaml").write_text(OLD)
    (tmp_path / "kubelet" / "flags.env").write_text(f"{OLD_FLAGS}\n")
    return tmp_path


def change(site: Path, seconds: int = 60) -> subprocess.CompletedProcess[str]:
    script = render(
        "kubelet/settings.sh.j2",
        kept=str(site / "kept"),
        paths=(str(site / "kubelet/config.yaml"), str(site / "kubelet/flags.env")),
        patches=str(site / "patches"),
        line=NEW_FLAGS,
        seconds=seconds,
    )
    return subprocess.run(
        ["sh", "-euc", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": f"{site}/bin:/usr/bin:/bin"},
    )


def files(site: Path) -> tuple[str, str]:
    names = ("config.yaml", "flags.env")
    config, flags = ((site / "kubelet" / name).read_text() for name in names)
    return config, flags.strip()


def test_a_kubelet_that_is_healthy_has_the_new_files(site: Path) -> None:
    (site / "patches").mkdir()

    done = change(site)

    assert done.returncode == 0, done.stdout + done.stderr
    assert files(site) == (NEW, NEW_FLAGS)
    assert not (site / "kept").exists()
    called = (site / "kubeadm.called").read_text()
    assert called == f"upgrade node phase kubelet-config --patches {site}/patches\n"


def test_a_kubelet_that_ends_gets_the_old_files_back_and_is_quoted(site: Path) -> None:
    (site / "picky").touch()

    done = change(site)

    assert done.returncode == 1
    assert files(site) == (OLD, OLD_FLAGS)
    assert "KB-KUBELET it runs with its old settings again" in done.stdout
    assert 'kubelet: E1130 21:00:00.1 1 run.go:72] "command failed" err="maxPods -5' in done.stdout
    assert "starting" not in done.stdout
    assert (site / "restarted").read_text().split() == ["1", "0"]
    assert not (site / "kept").exists()


def test_one_that_kubeadm_cannot_configure_is_not_restarted(site: Path) -> None:
    (site / "no-kubeadm").touch()

    done = change(site)

    assert (done.returncode, files(site)) == (1, (OLD, OLD_FLAGS))
    assert "error: no such field" in done.stdout
    assert "KB-KUBELET kubeadm did not write" in done.stdout
    assert not (site / "restarted").exists()
    assert not (site / "kept").exists()


def test_an_api_server_that_comes_back_is_waited_for(site: Path) -> None:
    """Also one that is back before it is asked, after kubeadm did not reach it."""
    (site / "away").write_text("3")

    done = change(site)

    assert done.returncode == 0, done.stdout + done.stderr
    assert files(site) == (NEW, NEW_FLAGS)


def test_an_api_server_that_stays_away_is_no_fault_of_the_settings(site: Path) -> None:
    (site / "away").write_text("1000")

    done = change(site, seconds=2)

    assert (done.returncode, files(site)) == (1, (OLD, OLD_FLAGS))
    assert "the API server does not answer the kubelet: refused" in done.stdout
    assert "KB-KUBELET" not in done.stdout
    assert not (site / "kept").exists()


def interrupted(site: Path) -> None:
    """The files beside the record are new and unchecked; a kubelet may run with them."""
    (site / "kept").mkdir()
    (site / "kept" / "config.yaml").write_text(OLD)
    (site / "kept" / "flags.env").write_text(f"{OLD_FLAGS}\n")
    (site / "kubelet" / "config.yaml").write_text("")
    (site / "kubelet" / "flags.env").write_text(f"{NEW_FLAGS}\n")


def test_a_short_wait_is_long_enough_for_a_kubelet_that_answers_at_once(site: Path) -> None:
    """The time for which it has to stay healthy comes on top."""
    assert change(site, seconds=1).returncode == 0


def test_what_kubeadm_cannot_finish_stays_unfinished(site: Path) -> None:
    """The kubelet may run with the new files, and the old ones have their old time stamps."""
    interrupted(site)
    (site / "no-kubeadm").touch()

    done = change(site)

    assert (done.returncode, files(site)) == (1, (OLD, OLD_FLAGS))
    assert (site / "kept").exists()


def test_an_interrupted_change_still_has_the_first_files(site: Path) -> None:
    interrupted(site)
    (site / "picky").touch()

    done = change(site)

    assert (done.returncode, files(site)) == (1, (OLD, OLD_FLAGS))

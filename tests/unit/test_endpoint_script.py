"""The script that names another endpoint in a node's kubeconfigs, and puts them back if need be."""

import subprocess
from pathlib import Path

import pytest

from kbootstrap.render import render

OLD, NEW = "https://192.0.2.11:6443", "https://api.example.org:6443"
CONF = "clusters:\n- cluster:\n    server: {}\n  name: demo\n"
TOOLS = {
    # It asks the server that the file names; a lease is renewed while a kubelet runs.
    "kubectl": f"""
server=$(sed -n 's/^ *server: //p' "$2")
echo "$server" >>"$site/asked"
if [ "$server" = {NEW} ] && [ -e "$site/away" ]; then echo "no route to host"; exit 1; fi
case $* in
*readyz*) printf ok ;;
*) echo "{{\\"spec\\":{{\\"renewTime\\":\\"$(cat "$site/renewed")\\"}}}}" ;;
esac
""",
    "systemctl": f"""
echo "$1" >>"$site/called"
refuses=0
if [ -e "$site/picky" ] && grep -q {NEW} "$site/etc/kubelet.conf"; then refuses=1; fi
case $1 in
start | restart) [ "$refuses" = 1 ] || echo x >>"$site/renewed"; echo 0 >"$site/restarts" ;;
show)
  restarts=$(($(cat "$site/restarts") + refuses))
  echo "$restarts" >"$site/restarts"
  echo "MainPID=$([ "$refuses" = 1 ] && echo 0 || echo 77)"
  echo "NRestarts=$restarts" ;;
esac
""",
    "sleep": ":\n",
    "journalctl": "echo 'E1130 21:00:00.1 1 run.go:72] \"command failed\"'\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for name, body in TOOLS.items():
        tool = tmp_path / "bin" / name
        tool.write_text(f"#!/bin/sh\nsite='{tmp_path}'\n{body}")
        tool.chmod(0o755)
    (tmp_path / "etc").mkdir()
    for name in ("admin", "kubelet", "scheduler"):
        (tmp_path / "etc" / f"{name}.conf").write_text(CONF.format(OLD))
    (tmp_path / "etc" / "kubelet.conf").chmod(0o600)
    (tmp_path / "renewed").write_text("a\n")
    return tmp_path


def change(site: Path, *files: str) -> subprocess.CompletedProcess[str]:
    script = render(
        "endpoint/files.sh.j2",
        etc=str(site / "etc"),
        kept=str(site / "kept"),
        files=files,
        server=NEW,
        old=(OLD,),
        node="w1",
        seconds=20,
    )
    return subprocess.run(
        ["sh", "-euc", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": f"{site}/bin:/usr/bin:/bin"},
    )


def servers(site: Path) -> dict[str, str]:
    found = {path.stem: path.read_text() for path in sorted((site / "etc").iterdir())}
    assert set(found) == {"admin", "kubelet", "scheduler"}
    return {name: text.split("server: ")[1].split("\n")[0] for name, text in found.items()}


def called(site: Path) -> list[str]:
    path = site / "called"
    return [word for word in path.read_text().split() if word != "show"] if path.exists() else []


def test_the_files_that_are_named_get_the_new_endpoint_and_no_other(site: Path) -> None:
    done = change(site, "admin.conf", "kubelet.conf")

    assert done.returncode == 0, done.stdout + done.stderr
    assert servers(site) == {"admin": NEW, "kubelet": NEW, "scheduler": OLD}
    assert called(site) == ["stop", "start"]
    assert (site / "etc" / "kubelet.conf").stat().st_mode & 0o777 == 0o600
    assert not (site / "kept").exists()


def test_without_kubelet_conf_nothing_restarts(site: Path) -> None:
    assert change(site, "admin.conf").returncode == 0
    assert servers(site) == {"admin": NEW, "kubelet": OLD, "scheduler": OLD}
    assert called(site) == []


def test_an_endpoint_that_does_not_answer_changes_nothing(site: Path) -> None:
    (site / "away").touch()

    done = change(site, "admin.conf", "kubelet.conf")

    assert done.returncode == 1
    assert "KB-ENDPOINT" in done.stdout
    assert "no route to host" in done.stdout
    assert set(servers(site).values()) == {OLD}
    assert called(site) == []
    assert not (site / "kept").exists()


def test_a_kubelet_that_does_not_work_with_it_gets_its_file_back_and_is_quoted(site: Path) -> None:
    (site / "picky").touch()

    done = change(site, "admin.conf", "kubelet.conf")

    assert done.returncode == 1
    assert "kubelet: E1130 21:00:00.1" in done.stdout
    assert "it runs with its old files again" in done.stdout
    assert set(servers(site).values()) == {OLD}
    assert not (site / "kept").exists()


def test_an_interrupted_change_is_checked_and_ended(site: Path) -> None:
    (site / "kept").mkdir()
    (site / "kept" / "kubelet.conf").write_text(CONF.format(OLD))
    (site / "etc" / "kubelet.conf").write_text(CONF.format(NEW))

    done = change(site, "kubelet.conf")

    assert done.returncode == 0, done.stdout + done.stderr
    assert servers(site)["kubelet"] == NEW
    assert called(site) == ["stop", "start"]
    assert not (site / "kept").exists()


def test_one_that_cannot_be_ended_is_undone(site: Path) -> None:
    (site / "kept").mkdir()
    (site / "kept" / "kubelet.conf").write_text(CONF.format(OLD))
    (site / "etc" / "kubelet.conf").write_text(CONF.format(NEW))
    (site / "away").touch()

    done = change(site, "kubelet.conf")

    assert done.returncode == 1
    assert "no route to host" in done.stdout
    assert servers(site)["kubelet"] == OLD
    assert called(site) == ["restart"]
    assert not (site / "kept").exists()

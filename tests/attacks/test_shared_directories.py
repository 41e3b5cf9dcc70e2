"""A colleague who may write where the operator's files go, or where kbootstrap makes new ones.

As root the colleague is another user (`nobody`); otherwise the link is planted by ourselves.
"""

import ast
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbootstrap import atomic_file, cli
from kbootstrap.artifacts.checksums import cache_directory, sha256_of
from kbootstrap.atomic_file import append_private, private_directory, write_private
from kbootstrap.console.screens import PlainScreen
from kbootstrap.errors import HostKeyError
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.options import RunOptions
from kbootstrap.remote.download import Download
from kbootstrap.remote.host_keys import HostKeys, Shown
from kbootstrap.remote.known_hosts import HostKey
from kbootstrap.run.report import Report
from tests.unit.model.writing import inventory

NOBODY = 65534
ROOT = Path(__file__).parent.parent.parent
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes links of another user")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file that a link leads to."""
    path = tmp_path / "victim"
    path.write_text("mine")
    return path


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A directory in which all users may write."""
    path = tmp_path / "shared"
    path.mkdir()
    path.chmod(0o777)
    return path


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Nothing is masked."""
    before = os.umask(0)
    yield
    os.umask(before)


def plant(link: Path, target: Path) -> None:
    link.symlink_to(target)
    if os.geteuid() == 0:
        os.lchown(link, NOBODY, NOBODY)


def predicted(shared: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary name, for a colleague who can predict random numbers as well."""
    monkeypatch.setattr(secrets, "token_hex", lambda _: "f" * 16)
    return shared / f".{name}.{'f' * 16}"


def test_a_temporary_name_is_not_followed(
    shared: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(shared / f".sec.kubeconfig.{os.getpid()}", victim)  # as it was until now
    write_private(shared / "sec.kubeconfig", "secret")
    assert not (shared / "sec.kubeconfig").is_symlink()

    plant(predicted(shared, "sec.kubeconfig", monkeypatch), victim)
    with pytest.raises(FileExistsError):
        write_private(shared / "sec.kubeconfig", "secret")

    assert victim.read_text() == "mine"


def test_a_link_in_the_place_of_a_file_is_replaced(shared: Path, victim: Path) -> None:
    plant(shared / "sec.kubeconfig", victim)
    write_private(shared / "sec.kubeconfig", "secret")
    assert victim.read_text() == "mine"
    assert (shared / "sec.kubeconfig").lstat().st_mode & 0o177777 == 0o100600


def download(path: Path, data: bytes, *, whole: bool) -> str:
    made = Download(path)
    made.feed(hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
    if whole:
        made.end()
    made.close()
    return made.problem


def test_a_snapshot_goes_through_no_link(
    shared: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.part", "b.part"):
        plant(shared / name, victim)
    assert download(shared / "a.part", b"snapshot", whole=True) == ""
    assert download(shared / "b.part", b"snapshot", whole=False) == "the connection broke"
    assert (shared / "a.part").read_bytes() == b"snapshot"
    assert victim.read_text() == "mine"

    plant(predicted(shared, "c.part", monkeypatch), victim)
    assert "cannot write" in download(shared / "c.part", b"snapshot", whole=True)
    assert victim.read_text() == "mine"


def test_an_older_snapshot_stays_until_the_new_one_is_whole(shared: Path) -> None:
    (shared / "a.part").write_bytes(b"older")
    assert download(shared / "a.part", b"snapshot", whole=False) == "the connection broke"
    assert [(path.name, path.read_bytes()) for path in shared.iterdir()] == [("a.part", b"older")]


@as_root
def test_a_log_file_is_no_link_of_another_user(
    shared: Path, victim: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(shared / "log", victim)
    assert cli.dispatch(RunOptions(verb="phases", log_file=shared / "log")) == 2
    assert "KB195" in capsys.readouterr().err
    assert victim.read_text() == "mine"


@as_root
def test_known_hosts_is_no_link_of_another_user(shared: Path, victim: Path) -> None:
    plant(shared / "known_hosts", victim)
    keys = HostKeys([shared / "known_hosts"], accept_new=True)
    with pytest.raises((PermissionError, HostKeyError)):
        keys.check(SshTarget(host="n1"), Shown(HostKey("ssh-ed25519", b"x")))
    assert victim.read_text() == "mine"


def test_a_link_of_ones_own_is_followed(tmp_path: Path, victim: Path) -> None:
    """Such as ~/.ssh/known_hosts in a repository of dotfiles, or /dev/stderr."""
    (tmp_path / "link").symlink_to(victim)
    with append_private(tmp_path / "link") as file:
        file.write(", and more")
    assert victim.read_text() == "mine, and more"


@as_root
def test_a_directory_of_another_user_is_refused(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shared / "kbootstrap").mkdir()
    os.chown(shared / "kbootstrap", NOBODY, NOBODY)
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared))
    with pytest.raises(PermissionError, match="belongs to another user"):
        cache_directory()


@as_root
def test_a_directory_is_no_link_of_another_user(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "public"
    mine.mkdir(mode=0o755)
    plant(shared / "kbootstrap", mine)
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared))

    with pytest.raises(PermissionError, match="is a link that another user made"):
        cache_directory()
    assert mine.stat().st_mode & 0o777 == 0o755


@as_root
@pytest.mark.parametrize("kind", ["link", "directory"])
def test_files_are_rendered_past_nothing_of_another_user(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    (tmp_path / "home" / "etc").mkdir(parents=True)
    if kind == "link":
        plant(shared / "cp1", tmp_path / "home")
    else:
        (shared / "cp1" / "etc").mkdir(parents=True)
        os.chown(shared / "cp1", NOBODY, NOBODY)
    path = tmp_path / "inventory.yaml"
    path.write_text(inventory("files: [{path: /etc/x, content: x}]\n"))

    assert cli.main(["render", "-i", str(path), "--to", str(shared)]) == 2

    assert "KB195" in capsys.readouterr().err
    assert [*(tmp_path / "home" / "etc").iterdir(), *shared.glob("cp1/etc/*")] == []


@pytest.mark.usefixtures("open_umask")
def test_nothing_is_open_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "x"))
    (tmp_path / "x" / "kbootstrap").mkdir(parents=True)  # of an earlier release
    (tmp_path / "x" / "kbootstrap").chmod(0o777)
    (tmp_path / "x").chmod(0o700)
    binary = tmp_path / "kubeadm"
    binary.write_text("x")
    sha256_of(binary)
    report = Report(RunOptions(verb="up", log_file=tmp_path / "x" / "log"), PlainScreen(verbose=0))
    report.begin("demo", "run1", ())
    report.close(0)

    made = list((tmp_path / "x").rglob("*"))
    assert {"sums.json", "run1.jsonl", "log", "audit.jsonl"} <= {path.name for path in made}
    assert [path for path in made if path.stat().st_mode & 0o077] == []


@pytest.mark.usefixtures("open_umask")
def test_the_process_masks_what_others_could_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def command(*_: object) -> int:
        seen.append(os.umask(0o077))
        return 0

    monkeypatch.setattr("kbootstrap.commands.phases.phases", command)
    assert cli.main(["phases"]) == 0
    assert seen == [0o077]


def test_directories_are_private(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    for name in ("open", "new/deeper"):
        assert private_directory(tmp_path / name).stat().st_mode & 0o7777 == 0o700


def test_one_module_writes_all_files() -> None:
    """Whatever opens a file for writing elsewhere would not have these rules."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "kbootstrap").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and writes(node)
    ]
    own = f"{Path(atomic_file.__file__).relative_to(ROOT)}:"
    assert [place for place in found if not place.startswith(own)] == []
    assert found


def writes(call: ast.Call) -> bool:
    """Whether the call opens a file for writing, as far as its text shows."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    name = call.func.id if isinstance(call.func, ast.Name) else name
    if name in {"write_text", "write_bytes", "NamedTemporaryFile", "mkstemp", "touch"}:
        return True
    on_os = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "os"
    if name == "open" and on_os:
        return "O_RDONLY" not in ast.unparse(call)
    texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
    texts += [word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)]
    modes = [text for text in texts if isinstance(text, str) and set(text) <= set("rwaxbt+")]
    return name == "open" and any(set(mode) & set("wax+") for mode in modes)

""".ci/release: what it refuses, what it makes, and that the wheel it makes works."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kbootstrap import __version__

ROOT = Path(__file__).parents[2]
TAG = "v9.9.9"
FILES = [
    "NOTES.md",
    "SHA256SUMS",
    "kbootstrap-9.9.9-py3-none-any.whl",
    "kbootstrap-9.9.9.cdx.json",
    "kbootstrap-9.9.9.tar.gz",
]
GIT = {
    f"GIT_{who}_{what}": "test@example.test"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


def call(*argv: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command without the developer's settings of git, pip and Python."""
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "HOME": str(cwd), **GIT}
    return subprocess.run(
        argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def git(clone: Path, *arguments: str) -> None:
    done = call("git", *arguments, cwd=clone)
    assert done.returncode == 0, done.stderr


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the files of this one, committed as version 9.9.9 and tagged."""
    clone = tmp_path_factory.mktemp("release")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if source.is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_bytes(source.read_bytes())
            (clone / name).chmod(source.stat().st_mode)
    replace(clone / "pyproject.toml", f'version = "{__version__}"', 'version = "9.9.9"')
    replace(clone / "kbootstrap/__init__.py", __version__, "9.9.9")
    section = "## [9.9.9] - 2026-01-01\n\n### Fixed\n\n- A thing.\n\n## [0.0.1] - 2025-01-01\n"
    replace(clone / "CHANGELOG.md", "## [Unreleased]\n", f"## [Unreleased]\n\n{section}")
    git(clone, "init", "--quiet")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "A release")
    git(clone, "tag", TAG)
    return clone


@pytest.fixture(scope="module")
def made(tagged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the release."""
    out = tmp_path_factory.mktemp("out") / "files"
    done = call(".ci/release", TAG, out, cwd=tagged)
    assert done.returncode == 0, done.stderr
    return out


def test_a_release_has_wheel_sdist_sbom_notes_and_their_checksums(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == FILES
    assert (made / "SHA256SUMS").read_text().splitlines() == [
        f"{hashlib.sha256((made / name).read_bytes()).hexdigest()}  {name}"
        for name in FILES
        if name != "SHA256SUMS"
    ]
    assert (made / "NOTES.md").read_text() == "### Fixed\n\n- A thing.\n"


def test_the_sbom_names_every_runtime_dependency_and_no_tool(made: Path) -> None:
    bom = json.loads((made / "kbootstrap-9.9.9.cdx.json").read_text())
    names = {component["name"].lower() for component in bom["components"]}
    assert (bom["bomFormat"], bom["metadata"]["component"]["version"]) == ("CycloneDX", "9.9.9")
    assert {"fabric", "paramiko", "cryptography", "pydantic-core", "urllib3"} <= names
    assert not names & {"pytest", "mypy", "hatchling"}
    assert all(component["version"] for component in bom["components"])


def test_the_same_tag_gives_the_same_files(made: Path, tagged: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert call(".ci/release", TAG, again, cwd=tagged).returncode == 0
    assert (again / "SHA256SUMS").read_text() == (made / "SHA256SUMS").read_text()


def test_the_wheel_renders_a_cluster_outside_of_the_repository(made: Path, tmp_path: Path) -> None:
    wheel = made / "kbootstrap-9.9.9-py3-none-any.whl"
    call(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    done = call(*pip, "install", "--no-index", "--no-deps", wheel, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # The libraries are those of the tests; a path of a .pth file has no .pth files of its own.
    (packages,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text(str(Path(pytest.__file__).parents[1]))
    kbootstrap = tmp_path / "venv/bin/kbootstrap"

    version = call(kbootstrap, "version", cwd=tmp_path)
    rendered = call(
        kbootstrap,
        "render",
        ROOT / "inventory/single.yaml",
        "--to",
        tmp_path / "files",
        cwd=tmp_path,
    )

    assert version.stdout == "kbootstrap 9.9.9\n"
    assert rendered.returncode == 0, rendered.stderr
    assert list((tmp_path / "files").rglob("kubeadm*.yaml"))


def test_the_version_is_the_same_in_both_files() -> None:
    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text()


@pytest.fixture
def copy(tagged: Path, tmp_path: Path) -> Path:
    """A clone that a test may change."""
    call("git", "clone", "--quiet", tagged, tmp_path / "clone", cwd=tmp_path)
    return tmp_path / "clone"


def refusal(clone: Path, tag: str) -> str:
    done = call(".ci/release", tag, cwd=clone)
    assert done.returncode == 1
    assert not (clone / "dist").exists()
    return done.stderr


def retag(clone: Path, tag: str) -> None:
    git(clone, "commit", "--quiet", "--all", "--message", "A change")
    git(clone, "tag", "--force", tag)


def test_changes_that_are_not_committed_are_refused(copy: Path) -> None:
    (copy / "note").touch()
    assert "the working tree has changes" in refusal(copy, TAG)


def test_a_tag_that_is_not_checked_out_is_refused(copy: Path) -> None:
    assert "there is no tag v1.0.0" in refusal(copy, "v1.0.0")
    git(copy, "commit", "--quiet", "--allow-empty", "--message", "A later commit")
    assert "not the commit that is checked out" in refusal(copy, TAG)


def test_a_tag_that_is_not_the_version_is_refused(copy: Path) -> None:
    git(copy, "tag", "v9.9.8")
    assert "pyproject.toml has version 9.9.9" in refusal(copy, "v9.9.8")


def test_a_version_without_a_section_of_the_changelog_is_refused(copy: Path) -> None:
    replace(copy / "CHANGELOG.md", "[9.9.9]", "[9.9.90]")
    retag(copy, TAG)
    assert "CHANGELOG.md has no section" in refusal(copy, TAG)

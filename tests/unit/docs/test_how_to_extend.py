"""The changes that docs/architecture.md shows fit the source and pass the checks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "architecture.md"
COPIED = ("inventory", "kbootstrap", "phases", "templates", "tests", "pyproject.toml")
FILES = ("tests/test_architecture.py", "tests/laws/test_laws.py", "tests/unit/test_distro.py")
# What is checked of codes and families, and the laws of the new phase.
CHECKS = "code or error or scratch or distro"


def test_the_changes_on_the_page_apply_and_pass_the_checks(tmp_path: Path) -> None:
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    for diff in re.findall(r"```diff\n(.*?)```", PAGE.read_text(), re.DOTALL):
        subprocess.run(["git", "apply"], input=diff, cwd=tmp_path, text=True, check=True)

    check = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *FILES, "-k", CHECKS]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    checked = subprocess.run(
        check, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout[-3000:]
    assert (tmp_path / "phases" / "scratch.py").exists()
    assert (tmp_path / "kbootstrap" / "distro" / "arch.py").exists()
    assert "KB427" in (tmp_path / "kbootstrap" / "codes" / "refused.py").read_text()

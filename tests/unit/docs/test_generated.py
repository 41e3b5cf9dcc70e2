import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from kbootstrap.model.load import load_with_warnings

TOP = Path(__file__).parents[3]
DOCS = TOP / "docs"
TOP_PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
PAGES = sorted([*DOCS.glob("*.md"), *(TOP / name for name in TOP_PAGES)])
INVENTORIES = [
    (path, block)
    for path in PAGES
    for block in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL)
    if block.startswith("cluster:")
]


def generator() -> ModuleType:
    """docs/generate.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["inventory.md", "errors.md", "phases.md"])
def test_a_generated_page_is_current(name: str) -> None:
    want = generator().pages()[name]

    assert (DOCS / name).read_text() == want, "run: python docs/generate.py"


@pytest.mark.parametrize(("path", "text"), INVENTORIES, ids=lambda part: getattr(part, "name", ""))
def test_an_inventory_in_the_documents_is_good(
    path: Path, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del path
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").touch()
    (tmp_path / "inventory.yaml").write_text(text)

    loaded = load_with_warnings(tmp_path / "inventory.yaml")

    assert not loaded.warnings


def test_the_readme_has_an_inventory() -> None:
    assert TOP / "README.md" in {path for path, _ in INVENTORIES}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", path.read_text())

    missing = [t for t in targets if "://" not in t and not (path.parent / t).exists()]
    assert missing == []


def test_a_promise_names_tests_that_exist() -> None:
    """Each row of docs/promises.md; a name without a file is of the file before it."""
    rows = [row for row in (DOCS / "promises.md").read_text().splitlines() if ".py" in row]
    assert len(rows) > 15
    for row in rows:
        text = ""
        for file, test in re.findall(r"`([\w/]+\.py)?(?:::(\w+))?`", row):
            text = (TOP / "tests" / file).read_text() if file else text
            assert f"def {test}(" in text or not test, f"{file}::{test}"

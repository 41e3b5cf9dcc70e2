"""docs/security.md: a threat model, and behind each of its statements a test that exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/security.md").read_text()
ACTORS = (
    "operator",
    "colleague",
    "user of a node",
    "root of a",
    "network",
    "registry",
    "release site",
)
SECTIONS = (
    "Cluster identity",
    "Nodes",
    "Downloads and files of the workstation",
    "Images",
    "SSH",
    "Secrets and output",
)
TEST = re.compile(r"`([\w/]+\.py)?(?:::(\w+))?`")


def section(page: str, name: str) -> str:
    return re.split(r"^## ", page.partition(f"\n## {name}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def statements(text: str) -> Iterator[str]:
    """The lines of a section, without the heads of its tables."""
    lines = text.splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line and not line.startswith("|---") and not after.startswith("|---"):
            yield line


def is_proven(statement: str) -> bool:
    """Whether the last cell names tests, and all of them exist (`::test` is of the file before)."""
    named = TEST.findall(statement.rstrip("| ").rpartition(" | ")[2])
    path = ROOT
    for file, test in named:
        path = ROOT / "tests" / file if file else path
        if not path.is_file() or (test and f"def {test}(" not in path.read_text()):
            return False
    return statement.startswith("|") and bool(named)


def unproven(page: str, name: str) -> list[str]:
    """The statements of a section that name no test, or one that does not exist."""
    return [line for line in statements(section(page, name)) if not is_proven(line)]


@pytest.mark.parametrize("name", SECTIONS)
def test_each_statement_names_tests_that_exist(name: str) -> None:
    assert len([*statements(section(PAGE, name))]) > 3
    assert unproven(PAGE, name) == []


def test_the_threat_model_stands_at_the_top_and_names_everyone() -> None:
    assert re.findall(r"^## (.*)", PAGE, re.MULTILINE) == [
        "Threat model",
        *SECTIONS,
        "What is not protected",
    ]
    rows = [*statements(section(PAGE, "Threat model"))]
    assert [actor for actor in ACTORS if not any(r.startswith(f"| {actor}") for r in rows)] == []


@pytest.mark.parametrize(
    "line",
    [
        "A sentence outside of a table.",
        "| A statement. | |",
        "| A statement about `unit/docs/test_links.py`. | none |",
        "| A statement. | `unit/docs/test_links.py::test_that_does_not_exist` |",
        "| A statement. | `unit/docs/test_links.py`, `::test_that_does_not_exist` |",
    ],
)
def test_a_statement_without_a_test_is_found(line: str) -> None:
    good = "| Another. | `unit/docs/test_links.py::test_every_link_leads_somewhere` |"
    page = f"\n## SSH\n\n| what holds | tests |\n|---|---|\n{good}\n{line}\n\n## Next\n\nText.\n"

    assert unproven(page, "SSH") == [line]

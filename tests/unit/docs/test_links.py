"""Each link of a page leads to a file and to a heading that exist; the site shows each page."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "bench/NOTES.md")  # docs/site_hooks.py adds them
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)?$", re.MULTILINE)


def text_of(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub and the docs site make of the headings."""
    found: dict[str, int] = {}
    for heading in HEADING.findall(text_of(page)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
        if found[slug]:
            found[f"{slug}-{found[slug]}"] = 0
    return set(found)


def broken(page: Path) -> list[str]:
    """The links of the page to files of the repository that lead nowhere."""
    found = []
    for link in LINK.findall(text_of(page)):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if "://" in link or link.startswith("mailto:"):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# One `thing`\n\n## Twice\n\n## Twice\n")
    page.write_text(
        "# Title\n\n[1](other.md) [2](other.md#one-thing) [3](#title) [4](other.md#twice-1)\n"
        "[5](missing.md) [6](other.md#two) [7](#one-thing) [8](https://example.test/)\n"
        "```\n[9](in-code.md)\n```\n"
    )
    assert broken(page) == ["missing.md", "other.md#two", "#one-thing"]


def test_the_site_shows_every_page() -> None:
    navigation = (ROOT / ".ci/mkdocs.yml").read_text().partition("\nnav:\n")[2]
    shown = re.findall(r"- (?:\w+: )?(\S+\.md)$", navigation, re.MULTILINE)
    pages = [str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md")]
    assert sorted(shown) == sorted(["index.md", *OUTSIDE, *pages])

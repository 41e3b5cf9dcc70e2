"""Hooks of mkdocs: the README is the site's home, and pages outside of docs/ are on it too.

mkdocs calls them (.ci/mkdocs.yml). The links of these pages, and links to them, are rewritten
because these files are outside of docs/.
"""
# ruff: noqa: INP001 - a script, in no package

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "bench/NOTES.md": "bench/NOTES.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for name, uri in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Point links to where the files are on the site."""
    if page.file.src_uri in PAGES.values():
        markdown = re.sub(r"\]\((\.\./)?docs/", r"](\1", markdown)
    for name, uri in PAGES.items():
        markdown = re.sub(rf"\]\((\.\./)?{re.escape(name)}(?=[)#])", f"]({uri}", markdown)
    return markdown

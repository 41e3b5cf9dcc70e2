"""One word for one thing: no retired word in comments, docstrings, messages and pages."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# The retired word, and the one to use instead (CONTRIBUTING.md, "Language").
RETIRED = {
    r"machines?": "node, or host if it is not one",
    r"folders?": "directory",
    r"programs?": "binary",
    r"verbs?": "command",
    r"slots?": "placeholder",
    r"mend(?:s|ed|ing)?": "fix, repair",
    r"seed": "control plane in use",
    r"told|tells?": "report, print",
    r"kept": "retained, stored",
    r"noted": "recorded",
    r"words": "message, text, arguments",
    r"deeds?": "action",
    r"to be had": "available",
    r"go(?:es)? on": "continue, resume",
    r"(?:some|no|every)body": "another run, another user; or the passive",
    r"anew": "again",
}
# Phrases in which such a word is the right one.
ALLOWED = (
    r"`[^`]*`",  # names of keys, flags, files and commands
    r"machine-id",  # the file /etc/machine-id
    r"programs\.\w+|programs:(?= |$)|--programs|programs\.md",  # keys of the inventory, a flag
    # the phase `programs`
    r"\| programs \||programs\[|--> programs|programs -->|phase programs|templates/programs",
    r"source:? folder|folder: \S+|for folder:|release, folder|or \W*folder\b|source is \W*folder",
    r"; folder: a local|folder\. See docs/programs",  # the value and key `folder` of `programs`
    r"/var/lib/kbootstrap/\w+",
    r"host keys?|known_hosts",
    r"random seed|the same seed",
    r"too early to tell",
    r"^ +machine: ",  # a field of the lock's record
    r"have slots|slots=True",  # Python's __slots__
    r"the words of a rule",  # in a script on nodes, which must not change
)
CHECKED = (
    "kbootstrap",
    "phases",
    "templates",
    "inventory",
    "docs",
    "tests",
    "bench",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
)
# Tables of recorded runs; what is rendered from the templates; scripts of other tools; this file.
EXCEPT = (
    "docs/faults-results.md",
    "docs/performance",
    "tests/golden/expected",
    "bench/rivals",
    "tests/test_words.py",
)
_WORD = re.compile(rf"\b(?:{'|'.join(RETIRED)})\b", re.IGNORECASE)
_ALLOWED = re.compile("|".join(ALLOWED), re.MULTILINE)
_FIELD = re.compile(r"\{[^{}]*\}")
_SHELL = re.compile(r"(?:^|\s)#.*|\{#.*?#\}|\b(?:echo|kb_fail) .*")


def files() -> Iterator[Path]:
    """Every text of what is checked."""
    for name in CHECKED:
        path = ROOT / name
        for file in [path] if path.is_file() else sorted(path.rglob("*.*")):
            left_out = any(file.is_relative_to(ROOT / other) for other in EXCEPT)
            if file.suffix in {".py", ".j2", ".sh", ".md", ".yaml"} and not left_out:
                yield file


def prose(file: Path) -> Iterator[tuple[int, str]]:
    """Line number and text: all of a page, the comments and sentences of code."""
    text = file.read_text()
    if file.suffix == ".py":
        yield from python(text, strings=not file.is_relative_to(ROOT / "tests"))
        return
    for number, line in enumerate(text.splitlines(), 1):
        if file.suffix in {".j2", ".sh"}:
            yield number, " ".join(_SHELL.findall(line))
        else:
            yield number, line


def python(text: str, *, strings: bool) -> Iterator[tuple[int, str]]:
    """Comments, docstrings and names of tests; with ``strings`` also other sentences.

    The strings of a test are its data.
    """
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
        elif token.type == tokenize.NAME and token.string.startswith("test_"):
            yield token.start[0], token.string.replace("_", " ")
        elif token.type == tokenize.STRING and " " in token.string:
            alone = before in {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
            if alone or strings:
                fields = "f" in token.string.split(token.string[-1], 1)[0].lower()
                plain = _FIELD.sub("", token.string) if fields else token.string
                yield from enumerate(plain.splitlines(), token.start[0])
        if token.type not in {tokenize.COMMENT, tokenize.NL}:
            before = token.type


def retired(text: str) -> list[str]:
    return [match[0] for match in _WORD.finditer(_ALLOWED.sub("", text))]


def test_no_text_has_a_retired_word() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {', '.join(words)}: {text.strip()}"
        for file in files()
        for number, text in prose(file)
        if (words := retired(text))
    ]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Each machine has a folder.", ["machine", "folder"]),
        ("It is told to go on.", ["told", "go on"]),
        ("the file /etc/machine-id, and `programs` of the inventory", []),
        ("set programs.source to release or folder", []),
    ],
)
def test_retired_words_are_found(text: str, found: list[str]) -> None:
    assert retired(text) == found

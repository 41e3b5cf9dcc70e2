"""Reads our own shell text far enough to list the commands in it and what they write to.

It knows quotes, substitutions, redirections, ``case`` and the keywords: what our templates
use. It skips here-documents; functions are beyond it.
"""

import re
from collections.abc import Iterator

Command = tuple[str, ...]

_KEYWORDS = {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "!", "{", "}"}
_TOKEN = re.compile(
    r"""(?x)
      (?P<blank>[ \t]+|\\\n)
    | (?P<comment>(?<![^\s;])\#[^\n]*)
    | (?P<redirect>\d*(?:>>|>&|<&|>|<)[ \t]*)
    | (?P<end>;;|&&|\|\||[;&|()\n])
    """
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_DOCUMENT = re.compile(r"<<'(\w+)'\n.*?\n\1$", re.DOTALL | re.MULTILINE)


class Scanner:
    """One pass over a text.

    Attributes:
        commands: the tokens of each simple command, as written; substitutions too.
        written: the targets of output redirections.

    """

    def __init__(self, text: str) -> None:
        self._text, self._at = _DOCUMENT.sub("", text), 0
        self.commands: list[Command] = []
        self.written: list[str] = []
        self._read("")

    def _read(self, closing: str) -> None:
        """Commands up to ``closing`` or the end of the text."""
        words: list[str] = []
        cases: list[str] = []  # for each open `case`: "pattern" or "body"
        for kind, token in self._tokens():
            if kind == "redirect":
                self._redirect(token)
            elif kind == "word":
                _take(token, words, cases)
            else:
                self._command(words, cases)
                if token == closing and cases[-1:] != ["pattern"]:
                    return
                _turn(token, cases)
        self._command(words, cases)

    def _command(self, words: list[str], cases: list[str]) -> None:
        """Record these as a command, if they are one, and begin the next."""
        while words and (words[0] in _KEYWORDS or _ASSIGNMENT.match(words[0])):
            words.pop(0)
        if words and words[0] != "for" and cases[-1:] != ["pattern"]:
            self.commands.append(tuple(words))
        words.clear()

    def _redirect(self, token: str) -> None:
        target = self._word()
        if ">" in token:
            self.written.append(("&" if "&" in token else "") + target)

    def _tokens(self) -> Iterator[tuple[str, str]]:
        while self._at < len(self._text):
            match = _TOKEN.match(self._text, self._at)
            if match is None:
                yield "word", self._word()
                continue
            self._at = match.end()
            if match.lastgroup in {"redirect", "end"}:
                yield match.lastgroup, match[0].strip(" \t")

    def _word(self) -> str:
        """One word, with its quotes; commands inside it are read on the way."""
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in " \t\n;&|()<>":
            self._step()
        return self._text[start : self._at]

    def _step(self) -> None:
        """Pass over one character, quoted text or substitution."""
        text, at = self._text, self._at
        if text[at] == "\\":
            self._at += 2
        elif text[at] == "'":
            self._at = text.index("'", at + 1) + 1
        elif text[at] == '"':
            self._at += 1
            while text[self._at] != '"':
                self._step()
            self._at += 1
        elif text.startswith("$((", at):
            self._at = text.index("))", at) + 2
        elif text.startswith("$(", at):
            self._at += 2
            self._read(")")
        elif text.startswith("${", at):
            self._at = text.index("}", at) + 1
        else:
            self._at += 1


def _take(token: str, words: list[str], cases: list[str]) -> None:
    """A word: of a command, of a ``case`` or of its patterns."""
    if token == "esac" and not words:
        cases.pop()
    elif cases[-1:] != ["pattern"]:
        words.append(token)
        if words[0] == "case" and token == "in":
            cases.append("pattern")
            words.clear()


def _turn(token: str, cases: list[str]) -> None:
    """From a pattern to its body and back."""
    if cases and token == ";;":
        cases[-1] = "pattern"
    elif cases and token == ")" and cases[-1] == "pattern":
        cases[-1] = "body"

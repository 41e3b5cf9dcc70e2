r"""Text from nodes, archives, the API and inventories, made safe to show; pure.

Such text may hold escape sequences, which rewrite a terminal, characters that reverse the order of
what follows (Unicode bidi controls), or a newline that begins a forged line. They are shown as
Python writes them: ``\x1b``, ``\u202e``, ``\n``. Called where text leaves the process:
`kbootstrap.console` and `kbootstrap.run.report`.
"""


def visible(text: str) -> str:
    """The text with every character that does not print escaped, except newlines and tabs."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def one_line(text: str) -> str:
    """The same on one line: newlines are escaped, too."""
    return visible(text).replace("\n", "\\n")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()

"""Masks secrets in text that is shown or recorded.

What this run made or was given is masked exactly (`mask`), with private keys (RFC 7468), JSON Web
Tokens (RFC 7519) and bearer tokens (RFC 6750) of any origin. In the output of commands
(`mask_output`) so is what looks like a bootstrap token or a key of kubeadm. A hash with the prefix
``sha256:`` is public. Every pattern takes time in proportion to the text, whatever the text is.
"""

import re
from collections.abc import Iterator

from kbootstrap import secret

MASK = "***"
LONGEST = 64 * 1024  # characters of a line of output
_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_KEY = re.compile(rf"{_BEGIN.pattern}.*?(?:{_END.pattern}|\Z)", re.DOTALL)
_BASE64 = re.compile(r"[A-Za-z0-9+/=]+")
_SHAPES = (
    re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]{16,}"),  # base64 of "-----BEGIN", as in kubeconfigs
    re.compile(r"(?<![\w-])eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*", re.ASCII),
    re.compile(r"(?<=[Bb]earer )[\w.~+/=-]{8,}", re.ASCII),
)
_KUBEADM = (
    re.compile(r"(?<![a-z0-9])[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9])"),
    re.compile(r"(?<!sha256:)(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])"),
    re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])"),  # 32 bytes in base64
)
# Escape sequences (ECMA-48: CSI, OSC, two characters) and other control characters in a line.
_CONTROLS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b."
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


def mask(text: str) -> str:
    """Text with known secrets, private keys and tokens masked."""
    return _through_controls(text, _SHAPES)


def mask_output(text: str) -> str:
    """Output of a command: also what has the shape of kubeadm's secrets."""
    return _through_controls(text, (*_SHAPES, *_KUBEADM))


def _through_controls(text: str, shapes: tuple[re.Pattern[str], ...]) -> str:
    """A secret that control characters divide or border on is masked as well, without them."""
    plain = _CONTROLS.sub("", text)
    masked = _masked(plain, shapes)
    return _masked(text, shapes) if masked == plain else masked


def _masked(text: str, shapes: tuple[re.Pattern[str], ...]) -> str:
    for value in secret.known():
        if value in text:
            text = text.replace(value, MASK)
    if "PRIVATE KEY-----" in text:
        text = _without_tails(_KEY.sub(MASK, text))
    for shape in shapes:
        text = shape.sub(MASK, text)
    return text


def _without_tails(text: str) -> str:
    """Without the ends of keys whose beginning was dropped from a long output."""
    lines: list[str] = []
    for line in text.split("\n"):
        end = _END.search(line)
        if end is None:
            lines.append(line)
            continue
        while lines and _BASE64.fullmatch(lines[-1].strip()):
            lines.pop()
        lines.append(MASK + line[end.end() :])
    return "\n".join(lines)


class OutputLines:
    """Puts the output of one command together to lines, and masks each one whole.

    Output comes in pieces of any size, and a private key has several lines.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._dropping = False  # the rest of a line that is too long
        self._in_key = False

    def feed(self, text: str) -> Iterator[str]:
        """The lines that are complete now, masked; one that is too long is left out."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            yield from self._line(line)
        if len(self._rest) > LONGEST:
            self._rest, self._dropping = "", True

    def end(self) -> Iterator[str]:
        """The last line, if it has no newline."""
        rest, self._rest = self._rest, ""
        if rest or self._dropping:
            yield from self._line(rest)

    def _line(self, line: str) -> Iterator[str]:
        if self._dropping or len(line) > LONGEST:
            self._dropping = False
            yield f"[a line of more than {LONGEST} characters]"
            return
        inside = self._in_key
        begins, ends = (_last(pattern, line) for pattern in (_BEGIN, _END))
        self._in_key = inside if begins == ends else begins > ends
        yield MASK if inside else mask_output(line)


def _last(pattern: re.Pattern[str], line: str) -> int:
    return max((found.start() for found in pattern.finditer(line)), default=-1)

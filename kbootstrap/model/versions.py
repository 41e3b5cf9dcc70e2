"""Kubernetes versions in the order of semver.org, and what kubeadm derives from them.

Why not `packaging.version`: it reads PEP 440. It refuses v1.35.0-alpha.3.12+g123 and
v1.35.0-alpha.beta, puts v1.35.0-1 after its release instead of before it, and does not keep the
text (v1.35.0-rc.1 becomes 1.35.0rc1), which is part of download addresses. A translation between
both would be longer than the one property that orders versions here.
"""

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Self

_EXACT = re.compile(r"v(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.]+)?")

OLDEST_MINOR, FULL_FROM_MINOR, NEWEST_MINOR = 27, 31, 37


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """An exact release, vMAJOR.MINOR.PATCH; a pre-release sorts before its release."""

    major: int
    minor: int
    patch: int
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version that a text such as ``v1.34.2`` names.

        Raises:
            ValueError: the text is not an exact version with a leading v.
        """
        match = _EXACT.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not an exact version such as v1.34.2")
        major, minor, patch, suffix = match.groups()
        return cls(int(major), int(minor), int(patch), suffix or "")

    def __lt__(self, other: "Version") -> bool:
        return self._precedence < other._precedence

    @property
    def _precedence(self) -> tuple[object, ...]:
        """A sort key that follows https://semver.org/#spec-item-11."""
        fields = self.suffix.removeprefix("-").split(".") if self.suffix else []
        identifiers = tuple((0, int(w), "") if w.isdecimal() else (1, 0, w) for w in fields)
        return self.major, self.minor, self.patch, not fields, identifiers

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}{self.suffix}"

    @property
    def kubeadm_api(self) -> str:
        """Version of kubeadm's configuration API that this release reads."""
        return "v1beta4" if self.minor >= FULL_FROM_MINOR else "v1beta3"

    @property
    def pause_tag(self) -> str:
        """The tag of the pause image in `kubeadm config images list` of this minor."""
        if self.minor >= 34:  # noqa: PLR2004 - a release, not a magic number
            return "3.10.1"
        return "3.10" if self.minor >= FULL_FROM_MINOR else "3.9"

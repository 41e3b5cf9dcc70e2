"""Kubernetes versions and what depends on them."""

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Self

_EXACT = re.compile(r"v(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.]+)?")

OLDEST_MINOR, FULL_FROM_MINOR, NEWEST_MINOR = 27, 31, 37


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """An exact release, vMAJOR.MINOR.PATCH; a pre-release comes before its release."""

    major: int
    minor: int
    patch: int
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``v1.34.2``.

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
        """As https://semver.org/#spec-item-11 has it."""
        words = self.suffix.removeprefix("-").split(".") if self.suffix else []
        identifiers = tuple((0, int(w), "") if w.isdecimal() else (1, 0, w) for w in words)
        return self.major, self.minor, self.patch, not words, identifiers

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}{self.suffix}"

    @property
    def kubeadm_api(self) -> str:
        """The kubeadm config API this release wants (contract, section 1.1)."""
        return "v1beta4" if self.minor >= FULL_FROM_MINOR else "v1beta3"

    @property
    def pause_tag(self) -> str:
        """Tag of the sandbox image kubeadm of this minor names (config images list)."""
        if self.minor >= 34:  # noqa: PLR2004 - a release, not a magic number
            return "3.10.1"
        return "3.10" if self.minor >= FULL_FROM_MINOR else "3.9"

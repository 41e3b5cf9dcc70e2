"""Placeholders in URLs and paths of the inventory: exactly these texts are replaced, and no others.

Never by `str.format`, whose fields read attributes, so that an inventory could read the process.
"""

import re

from kbootstrap.model.versions import Version

ARCHITECTURE, VERSION, MINOR = "{arch}", "{version}", "{minor}"
IN_URLS = (ARCHITECTURE, VERSION, MINOR)
_BRACES = re.compile(r"\{[^{}]*\}?|\}")


def filled(text: str, architecture: str, version: Version) -> str:
    """The text with ``{arch}``, ``{version}`` and ``{minor}`` (such as ``1.34``) replaced."""
    values = (architecture, str(version), f"{version.major}.{version.minor}")
    for placeholder, value in zip(IN_URLS, values, strict=True):
        text = text.replace(placeholder, value)
    return text


def unknown(text: str, known: tuple[str, ...]) -> str:
    """The first text in braces, or lone brace, that is none of these; empty if there is none."""
    return next((found for found in _BRACES.findall(text) if found not in known), "")

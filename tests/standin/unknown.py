"""Questions that the stand-in has no answer for; the test whose run asked one of them fails.

A binary that is asked such a thing prints an error as the real one would, and ends or answers so.
kbootstrap may well get over that, so the question is also written down:
`tests.e2e.site.Site.unknown` reads it when the site is taken down.
"""

from __future__ import annotations

import os
from pathlib import Path

from . import switches

RECORD = Path(os.environ.get("STANDIN_UNKNOWN", "/var/log/standin/unknown.jsonl"))


def report(program: str, question: str) -> None:
    """Write a question down."""
    switches.append(RECORD, program=program, question=question)

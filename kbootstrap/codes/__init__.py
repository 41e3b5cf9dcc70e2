"""Every error code, as one constant each: `codes.NOT_READY`.

One file per range of numbers; a new code is written there and nowhere else. A code never changes
its meaning. Titles and next steps are written for readers who do not know the source.
"""

from kbootstrap.codes.cluster import *  # noqa: F403
from kbootstrap.codes.command_line import *  # noqa: F403
from kbootstrap.codes.connection import *  # noqa: F403
from kbootstrap.codes.failed import *  # noqa: F403
from kbootstrap.codes.internal import *  # noqa: F403
from kbootstrap.codes.interrupted import *  # noqa: F403
from kbootstrap.codes.inventory import *  # noqa: F403
from kbootstrap.codes.refused import *  # noqa: F403
from kbootstrap.codes.trust import *  # noqa: F403
from kbootstrap.errors import Code


def all_codes() -> tuple[Code, ...]:
    """Every code, by number."""
    found = (value for value in globals().values() if isinstance(value, Code))
    return tuple(sorted(found, key=lambda code: code.id))

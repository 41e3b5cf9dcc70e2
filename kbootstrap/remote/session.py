"""A session of a connection: one shell, which runs one request after the other."""

from dataclasses import dataclass
from typing import Any

from kbootstrap.remote.reply_reader import PROMPT
from kbootstrap.remote.shell_library import stage0


@dataclass(frozen=True, slots=True)
class Session:
    """A session channel of a connection.

    Attributes:
        fresh: nothing runs on it yet; otherwise stage 0 waits for a request.

    """

    connection: Any
    channel: Any
    fresh: bool = True

    @property
    def open(self) -> bool:
        """Whether neither side has closed it."""
        ended = self.channel.closed or self.channel.eof_received
        return self.connection.is_connected and not ended


def start_command(*, become: bool, asks: bool) -> str:
    """What starts stage 0: as the login user, or through a sudo that ``asks`` for a password."""
    program = f"sh -c '{stage0()}'"
    if not become:
        return program
    return f"sudo -S -k -p '{PROMPT}' -- {program}" if asks else f"sudo -n -- {program}"

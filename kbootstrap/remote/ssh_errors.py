"""The errors of a connection that broke, and of execs that a host refused; no paramiko.

`kbootstrap.remote.connect_errors` has those of a connection that could not be opened.
"""

import errno
import os
import re
from dataclasses import dataclass

from kbootstrap import codes
from kbootstrap.errors import HostKeyError, KbError, LoginError, LostError
from kbootstrap.remote.reply_reader import PROMPT

_NOT_FOUND = 127  # POSIX shells: the command was not found


def on_exchange(error: BaseException | None, place: str) -> KbError:
    """The error to raise when the connection broke after a request was started."""
    if isinstance(error, KbError):
        return error
    why = reason(error) if error is not None else ""
    return LostError(codes.LOST, f"{place}: the connection was lost{why}")


def again(error: KbError, prefix: str = "") -> KbError:
    """A copy of the error, since each thread sets node and phase on its own."""
    return type(error)(error.code, prefix + error.message, detail=error.detail)


def is_final(error: BaseException) -> bool:
    """Whether a retry could lock the account or trust a wrong host key."""
    return isinstance(error, LoginError | HostKeyError)


def reason(error: BaseException) -> str:
    """What the exception says, in brackets; empty if it says nothing."""
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return f" ({os.strerror(error.errno)})"
    return f" ({error})" if str(error) else ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An exec that ended before the driver ran.

    Attributes:
        status: its exit status.
        said: the first output on either stream.
        ready: stage 0 had started.
        become: it was started through sudo.
        asked: how often sudo asked for a password.
        password: the inventory has a password for sudo.
        ended: kbootstrap ended it; there is no exit status.
        shell: the login shell runs other commands.

    """

    status: int
    said: str
    ready: bool
    become: bool
    asked: int
    password: bool
    ended: bool = False
    shell: bool = True


def on_refusal(refusal: Refusal, place: str) -> KbError:
    """The error to raise when a host did not run the script."""
    error = _refused(refusal, place)
    error.detail = refusal.said.replace(PROMPT, "").strip()
    return error


def _refused(refusal: Refusal, place: str) -> LoginError:
    said = refusal.said.lower()
    if refusal.become and refusal.shell and not refusal.ready:
        return _by_sudo(refusal, place, said)
    if not refusal.ready and "password change required" in said:  # sshd's own message
        return LoginError(codes.PASSWORD_EXPIRED, f"{place}: the login's password has expired")
    what = "the script was not received" if refusal.ready else "no shell started"
    return LoginError(codes.NOT_A_SHELL, f"{place}: {what} (exit status {refusal.status})")


def _by_sudo(refusal: Refusal, place: str, said: str) -> LoginError:
    if refusal.password and refusal.asked > 1:
        return LoginError(codes.SUDO_PASSWORD, f"{place}: sudo refuses the password")
    if refusal.ended:
        what = "received the password and did not continue" if refusal.asked else "did not ask"
        return LoginError(codes.SUDO_SILENT, f"{place}: sudo {what} in time")
    if refusal.status == _NOT_FOUND or "command not found" in said:
        return LoginError(codes.SUDO_MISSING, f"{place}: sudo is not installed")
    if re.search(r"\btty\b", said):
        return LoginError(codes.SUDO_TTY, f"{place}: sudo requires a terminal")
    return LoginError(codes.SUDO_REFUSED, f"{place}: sudo refuses the command")

"""From what the lower libraries raise, or a machine answers, to errors a user can act on.

The table goes by class name so that this module need not import paramiko; a test
enumerates ``paramiko.ssh_exception`` and `OSError` and checks that each is here.
"""

import errno
import os
from dataclasses import dataclass

from kbootstrap import codes
from kbootstrap.errors import Code, HostKeyError, KbError, LoginError, LostError, UnreachableError
from kbootstrap.remote.reply_reader import PROMPT

_Kind = type[UnreachableError]

# Most special first along each exception's own MRO.
TABLE: dict[str, tuple[_Kind, Code, str]] = {
    "gaierror": (UnreachableError, codes.UNREACHABLE, "its name cannot be resolved"),
    "NoValidConnectionsError": (UnreachableError, codes.UNREACHABLE, "no address answers"),
    "BadHostKeyException": (HostKeyError, codes.KEY_CHANGED, "its key has changed"),
    "PasswordRequiredException": (LoginError, codes.BAD_KEY, "the key has a passphrase"),
    "BadAuthenticationType": (LoginError, codes.LOGIN_REFUSED, "it wants another login"),
    "PartialAuthentication": (LoginError, codes.LOGIN_REFUSED, "it wants a second factor"),
    "AuthenticationException": (LoginError, codes.LOGIN_REFUSED, "it refuses the login"),
    "IncompatiblePeer": (UnreachableError, codes.NO_COMMON_WAY, "no common algorithm"),
    "ChannelException": (UnreachableError, codes.NO_FORWARD, "it refuses another channel"),
    "ProxyCommandFailure": (UnreachableError, codes.UNREACHABLE, "the proxy command failed"),
    "SSHException": (UnreachableError, codes.UNREACHABLE, "SSH failed"),
    "EOFError": (UnreachableError, codes.UNREACHABLE, "it closed the connection"),
    "OSError": (UnreachableError, codes.UNREACHABLE, "it cannot be reached"),
}

_TRANSIENT_WORDS = ("protocol banner", "Negotiation failed")


def on_connect(error: BaseException, place: str) -> KbError:
    """The error to raise when a connection to ``place`` could not be opened."""
    if isinstance(error, KbError):
        return error
    for kind in type(error).__mro__:
        if kind.__name__ in TABLE:
            error_class, code, words = TABLE[kind.__name__]
            return error_class(code, f"{place}: {words}{_reason(error)}")
    raise error


def on_exchange(error: BaseException | None, place: str) -> KbError:
    """The error to raise when the connection broke after a request was begun."""
    if isinstance(error, KbError):
        return error
    reason = _reason(error) if error is not None else ""
    return LostError(codes.LOST, f"{place}: the connection was lost{reason}")


def again(error: KbError, prefix: str = "") -> KbError:
    """A fresh error that says the same, for each thread or node stamps its own."""
    return type(error)(error.code, prefix + error.message, detail=error.detail)


def is_final(error: BaseException) -> bool:
    """Trying again would get an account locked, or trust somebody we must not."""
    return isinstance(error, LoginError | HostKeyError)


def is_transient(error: BaseException) -> bool:
    """It may work in a moment: sshd dropped us before login for it had too many guests."""
    if isinstance(error, ConnectionResetError | EOFError):
        return True
    return type(error).__name__ == "SSHException" and any(w in str(error) for w in _TRANSIENT_WORDS)


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return f" ({os.strerror(error.errno)})"
    return f" ({error})" if str(error) else ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An exec that ended before the driver ran.

    Attributes:
        status: its exit status.
        said: the first words on either stream.
        ready: stage 0 had begun.
        become: it went through sudo.
        asked: how often sudo asked for a password.
        password: we have one to give.
        ended: this side ended it; there is no exit status.

    """

    status: int
    said: str
    ready: bool
    become: bool
    asked: int
    password: bool
    ended: bool = False


def on_refusal(refusal: Refusal, place: str) -> KbError:
    """The error to raise when a machine did not run our script at all."""
    said = refusal.said.replace(PROMPT, "").strip()
    if refusal.become and not refusal.ready:
        if refusal.password and refusal.asked > 1:
            return LoginError(
                codes.SUDO_PASSWORD, f"{place}: sudo refuses the password", detail=said
            )
        if refusal.ended:
            message = f"{place}: sudo did not ask for the password within its time"
            return LoginError(codes.SUDO_SILENT, message, detail=said)
        return LoginError(codes.SUDO_REFUSED, f"{place}: sudo does not let us in", detail=said)
    what = "the script did not arrive" if refusal.ready else "no shell started"
    message = f"{place}: {what} (exit status {refusal.status})"
    return LoginError(codes.NOT_A_SHELL, message, detail=said)

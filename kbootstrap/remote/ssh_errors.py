"""Maps exceptions of paramiko and the operating system, and refused execs, to `KbError`.

The table uses class names, so that this module does not import paramiko; a test checks that it
has every class of ``paramiko.ssh_exception`` and `OSError`.
"""

import errno
import os
from dataclasses import dataclass

from kbootstrap import codes
from kbootstrap.errors import Code, HostKeyError, KbError, LoginError, LostError, UnreachableError
from kbootstrap.remote.reply_reader import PROMPT

_Kind = type[UnreachableError]

# Looked up along the exception's MRO, most specific class first.
TABLE: dict[str, tuple[_Kind, Code, str]] = {
    "gaierror": (UnreachableError, codes.UNREACHABLE, "its name cannot be resolved"),
    "NoValidConnectionsError": (UnreachableError, codes.UNREACHABLE, "no address answers"),
    "BadHostKeyException": (HostKeyError, codes.KEY_CHANGED, "its key has changed"),
    "PasswordRequiredException": (LoginError, codes.BAD_KEY, "the key has a passphrase"),
    "BadAuthenticationType": (LoginError, codes.LOGIN_REFUSED, "it requires another login method"),
    "PartialAuthentication": (LoginError, codes.LOGIN_REFUSED, "it requires a second factor"),
    "AuthenticationException": (LoginError, codes.LOGIN_REFUSED, "it refuses the login"),
    "IncompatiblePeer": (UnreachableError, codes.NO_COMMON_WAY, "no common algorithm"),
    "ChannelException": (UnreachableError, codes.NO_FORWARD, "it refuses another channel"),
    "ProxyCommandFailure": (UnreachableError, codes.UNREACHABLE, "the proxy command failed"),
    "SSHException": (UnreachableError, codes.UNREACHABLE, "SSH failed"),
    "EOFError": (UnreachableError, codes.UNREACHABLE, "it closed the connection"),
    "OSError": (UnreachableError, codes.UNREACHABLE, "it cannot be reached"),
}

_TRANSIENT_MESSAGES = ("protocol banner", "Negotiation failed")


def on_connect(error: BaseException, place: str) -> KbError:
    """The error to raise when a connection to ``place`` could not be opened."""
    if isinstance(error, KbError):
        return error
    for kind in type(error).__mro__:
        if kind.__name__ in TABLE:
            error_class, code, summary = TABLE[kind.__name__]
            return error_class(code, f"{place}: {summary}{_reason(error)}")
    raise error


def on_exchange(error: BaseException | None, place: str) -> KbError:
    """The error to raise when the connection broke after a request was started."""
    if isinstance(error, KbError):
        return error
    reason = _reason(error) if error is not None else ""
    return LostError(codes.LOST, f"{place}: the connection was lost{reason}")


def again(error: KbError, prefix: str = "") -> KbError:
    """A copy of the error, since each thread sets node and phase on its own."""
    return type(error)(error.code, prefix + error.message, detail=error.detail)


def is_final(error: BaseException) -> bool:
    """Whether a retry could lock the account or trust a wrong host key."""
    return isinstance(error, LoginError | HostKeyError)


def is_transient(error: BaseException) -> bool:
    """Whether a retry may succeed, such as after sshd dropped the connection (MaxStartups)."""
    if isinstance(error, ConnectionResetError | EOFError):
        return True
    return type(error).__name__ == "SSHException" and any(
        w in str(error) for w in _TRANSIENT_MESSAGES
    )


def _reason(error: BaseException) -> str:
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

    """

    status: int
    said: str
    ready: bool
    become: bool
    asked: int
    password: bool
    ended: bool = False


def on_refusal(refusal: Refusal, place: str) -> KbError:
    """The error to raise when a host did not run the script."""
    said = refusal.said.replace(PROMPT, "").strip()
    if refusal.become and not refusal.ready:
        if refusal.password and refusal.asked > 1:
            return LoginError(
                codes.SUDO_PASSWORD, f"{place}: sudo refuses the password", detail=said
            )
        if refusal.ended:
            message = f"{place}: sudo did not ask for the password in time"
            return LoginError(codes.SUDO_SILENT, message, detail=said)
        return LoginError(codes.SUDO_REFUSED, f"{place}: sudo refuses the command", detail=said)
    what = "the script was not received" if refusal.ready else "no shell started"
    message = f"{place}: {what} (exit status {refusal.status})"
    return LoginError(codes.NOT_A_SHELL, message, detail=said)

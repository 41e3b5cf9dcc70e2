"""Maps exceptions of paramiko and the operating system to `KbError`, when a connection is opened.

With `ssh` and `private_keys` the only importer of paramiko, so `kbootstrap.remote.pool` imports
this module at the first connection.
"""

from socket import gaierror

import paramiko
from paramiko.ssh_exception import NoValidConnectionsError

from kbootstrap import codes
from kbootstrap.errors import Code, HostKeyError, KbError, LoginError, UnreachableError
from kbootstrap.remote.ssh_errors import reason

# Looked up along the exception's MRO, most specific class first.
_TABLE: dict[type, tuple[type[UnreachableError], Code, str]] = {
    gaierror: (UnreachableError, codes.UNREACHABLE, "its name cannot be resolved"),
    NoValidConnectionsError: (UnreachableError, codes.UNREACHABLE, "no address answers"),
    paramiko.BadHostKeyException: (HostKeyError, codes.KEY_CHANGED, "its key has changed"),
    paramiko.PasswordRequiredException: (LoginError, codes.BAD_KEY, "the key has a passphrase"),
    paramiko.BadAuthenticationType: (
        LoginError,
        codes.LOGIN_REFUSED,
        "it requires another login method",
    ),
    paramiko.ssh_exception.PartialAuthentication: (
        LoginError,
        codes.LOGIN_REFUSED,
        "it requires a second factor",
    ),
    paramiko.AuthenticationException: (LoginError, codes.LOGIN_REFUSED, "it refuses the login"),
    paramiko.IncompatiblePeer: (UnreachableError, codes.NO_COMMON_WAY, "no common algorithm"),
    paramiko.ChannelException: (UnreachableError, codes.NO_FORWARD, "it refuses another channel"),
    paramiko.ProxyCommandFailure: (
        UnreachableError,
        codes.UNREACHABLE,
        "the proxy command failed",
    ),
    paramiko.SSHException: (UnreachableError, codes.UNREACHABLE, "SSH failed"),
    EOFError: (UnreachableError, codes.UNREACHABLE, "it closed the connection"),
    OSError: (UnreachableError, codes.UNREACHABLE, "it cannot be reached"),
}

# Paramiko raises a plain SSHException for both.
_TRANSIENT_MESSAGES = ("protocol banner", "Negotiation failed")


def on_connect(error: BaseException, place: str) -> KbError:
    """The error to raise when a connection to ``place`` could not be opened."""
    if isinstance(error, KbError):
        return error
    for kind in type(error).__mro__:
        if kind in _TABLE:
            error_class, code, summary = _TABLE[kind]
            return error_class(code, f"{place}: {summary}{reason(error)}")
    raise error


def is_transient(error: BaseException) -> bool:
    """Whether a retry may succeed, such as after sshd dropped the connection (MaxStartups)."""
    if isinstance(error, ConnectionResetError | EOFError):
        return True
    return type(error) is paramiko.SSHException and any(
        message in str(error) for message in _TRANSIENT_MESSAGES
    )

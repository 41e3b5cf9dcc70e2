"""What users see of a failure: findings of checks, and errors; each has a code and a next step.

A check yields every `Finding` instead of raising the first; `kbootstrap.run.report` reports them
all and raises if one is fatal. An error is a fatal finding that was raised::

    KbError                      code, node, phase, detail (the failing command's output), hint
    +-- InventoryError    KB1xx  the inventory is wrong; no node was contacted
    +-- UnreachableError  KB2xx  a node cannot be reached
    |   +-- HostKeyError         its host key is unknown or has changed
    |   +-- LoginError           it refuses the user, or sudo refuses
    |   +-- LostError            the connection broke; its commands may still run
    +-- PhaseError        KB3xx  a step failed, or a node is not fit for it
    +-- RefusedError      KB4xx  refused: foreign cluster, lock, data at risk, changed plan
    +-- TrustError        KB5xx  a hash, certificate or checksum does not match
    +-- InterruptedRunError KB6xx  Ctrl-C or a signal ended this run
    +-- InternalError     KB9xx  a bug in kbootstrap

Raised everywhere below ``cli``; the engine adds ``node`` and ``phase``. The codes are in
kbootstrap/codes; `kbootstrap.docs_generator` generates docs/errors.md from them.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from enum import Enum, IntEnum
from typing import Self


class ExitCode(IntEnum):
    """Exit status of the command; distinct, so that scripts can distinguish them."""

    DONE = 0  # done, or a read-only command printed its result
    USAGE = 2  # wrong flags or a wrong inventory; no node was contacted
    NOTHING_TO_DO = 3  # only with --exit-code: the cluster already matches the inventory
    CHANGES_PENDING = 4  # only with --exit-code: a dry run found changes
    UNREACHABLE = 5
    FAILED = 6  # a phase failed
    REFUSED = 7  # foreign cluster, lock, data at risk
    TRUST = 8  # a hash, certificate or checksum did not match
    DIFFERS = 9  # the live cluster has settings that differ from the inventory and are retained
    EXPIRES = 10  # a certificate has expired, or expires within the time asked about
    INTERNAL = 70  # EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130  # 128 + SIGINT, as shells report it


# How a command ends that did all it could.
SUCCESS = frozenset(
    {
        ExitCode.DONE,
        ExitCode.NOTHING_TO_DO,
        ExitCode.CHANGES_PENDING,
        ExitCode.DIFFERS,
        ExitCode.EXPIRES,
    }
)


@dataclass(frozen=True, slots=True)
class Code:
    """One documented error: number, title and next step."""

    id: str  # "KB301"
    title: str
    hint: str  # the next step, in full sentences; may use {node} and {phase}


@dataclass(frozen=True, slots=True)
class Where:
    """Node and phase of an error; empty strings if it concerns none."""

    node: str = ""
    phase: str = ""

    def completed(self, node: str, phase: str) -> "Where":
        """With this node and phase, unless it already has them."""
        return Where(self.node or node, self.phase or phase)

    @property
    def placeholders(self) -> Mapping[str, str]:
        """What fills in the next step of a code."""
        return {"node": self.node or "NODE", "phase": self.phase or "PHASE"}


class Severity(Enum):
    """What a finding means for the command."""

    NOTICE = "notice"  # it is reported, and the command continues
    FATAL = "fatal"  # the command ends before it changes anything


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check of a node or of the whole cluster.

    Attributes:
        message: one line.
        detail: the last output of a failing command, or a command that repairs it.
        next_step: if it is known more exactly than the code's.

    """

    code: Code
    message: str
    _: KW_ONLY
    severity: Severity = Severity.FATAL
    detail: str = ""
    next_step: str = ""
    where: Where = field(default_factory=Where)

    def at(self, node: str, phase: str = "") -> "Finding":
        """The same finding with node and phase, unless it already has them."""
        return replace(self, where=self.where.completed(node, phase))

    @property
    def fatal(self) -> bool:
        """Whether it ends the command."""
        return self.severity is Severity.FATAL

    @property
    def exit_code(self) -> ExitCode:
        """The exit status of a command that ends with it."""
        return error_class(self.code).exit_code if self.fatal else ExitCode.DONE

    @property
    def hint(self) -> str:
        """The next step, with node and phase filled in."""
        return self.next_step or self.code.hint.format(**self.where.placeholders)

    def error(self) -> "KbError":
        """The finding as the error that ends the command."""
        return error_class(self.code)(
            self.code,
            self.message,
            detail=self.detail,
            next_step=self.next_step,
            where=self.where,
        )


class KbError(Exception):
    """Base of all errors shown to users.

    ``str(error)`` is one line; ``detail`` holds the last output of the failing command.
    """

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        detail: str = "",
        next_step: str = "",
        where: Where | None = None,
    ) -> None:
        """``next_step``: if it is known more exactly than the code's."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail
        self.next_step = next_step
        self.where = where or Where()

    def at(self, node: str, phase: str = "") -> Self:
        """The same error with node and phase, unless it already has them."""
        self.where = self.where.completed(node, phase)
        return self

    @property
    def finding(self) -> Finding:
        """What is reported."""
        return Finding(
            self.code,
            self.message,
            detail=self.detail,
            next_step=self.hint,
            where=self.where,
        )

    @property
    def hint(self) -> str:
        """The next step, with node and phase filled in."""
        return self.next_step or self.code.hint.format(**self.where.placeholders)


class InventoryError(KbError):
    """The inventory or a flag is wrong; no node was contacted."""

    exit_code = ExitCode.USAGE


class UnreachableError(KbError):
    """A node does not answer, or a name cannot be resolved."""

    exit_code = ExitCode.UNREACHABLE


class HostKeyError(UnreachableError):
    """The host key is unknown or has changed; no credentials were sent."""


class LoginError(UnreachableError):
    """The node refuses the user or key, or sudo refuses."""


class LostError(UnreachableError):
    """The connection broke while a script ran; its outcome is unknown."""


class PhaseError(KbError):
    """A step failed, or the node is not fit for it."""

    exit_code = ExitCode.FAILED


class RefusedError(KbError):
    """The command was refused, because it could do damage."""

    exit_code = ExitCode.REFUSED


class ChangedError(RefusedError):
    """Another run worked on the node after it was probed; nothing was done there."""


class TrustError(KbError):
    """A CA hash, certificate or checksum does not match."""

    exit_code = ExitCode.TRUST


class InterruptedRunError(KbError):
    """The user or a signal ended this run."""

    exit_code = ExitCode.INTERRUPTED


class InternalError(KbError):
    """An invariant of kbootstrap's code does not hold."""

    exit_code = ExitCode.INTERNAL


# The longest prefix of a code's number is used.
_CLASSES: Mapping[str, type[KbError]] = {
    "KB1": InventoryError,
    "KB2": UnreachableError,
    "KB212": PhaseError,  # a local file changed while it was sent
    "KB213": InventoryError,  # the inventory refers to a secret that does not exist
    "KB3": PhaseError,
    "KB4": RefusedError,
    "KB5": TrustError,
    "KB6": InterruptedRunError,
    "KB9": InternalError,
}


def error_class(code: Code) -> type[KbError]:
    """The class of errors with this code, or one of its subclasses."""
    return _CLASSES[max((prefix for prefix in _CLASSES if code.id.startswith(prefix)), key=len)]

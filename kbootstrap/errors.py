"""The errors that users see: one class tree, and a code with a next step for each error.

::

    KbError                      code, node, phase, detail (the failing command's output), hint
    +-- InventoryError    KB1xx  the inventory is wrong; no node was contacted
    +-- UnreachableError  KB2xx  a node cannot be reached
    |   +-- HostKeyError         its host key is unknown or has changed
    |   +-- LoginError           it refuses the user, or sudo refuses
    |   +-- LostError            the connection broke; its commands may still run
    +-- PhaseError        KB3xx  a step failed, or a node is not fit for it
    +-- RefusedError      KB4xx  refused: foreign cluster, lock, data at risk, changed plan
    +-- TrustError        KB5xx  a hash, certificate or checksum does not match
    +-- NoticeError       KB318  a warning; the run continues
    +-- InterruptedRunError KB6xx  Ctrl-C or a signal ended this run
    +-- InternalError     KB9xx  a bug in kbootstrap

Raised everywhere below ``cli``; the engine adds ``node`` and ``phase``. The codes are in
kbootstrap/codes; `kbootstrap.docs_generator` generates docs/errors.md from them.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
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
    INTERNAL = 70  # EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130  # 128 + SIGINT, as shells report it


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


class KbError(Exception):
    """Base of all errors shown to users.

    ``str(error)`` is one line; ``detail`` holds the last output of the failing command.
    """

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(
        self, code: Code, message: str, *, detail: str = "", where: Where | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail
        self.where = where or Where()

    def at(self, node: str, phase: str = "") -> Self:
        """The same error with node and phase, unless it already has them."""
        self.where = replace(
            self.where, node=self.where.node or node, phase=self.where.phase or phase
        )
        return self

    @property
    def hint(self) -> str:
        """The next step, with node and phase filled in."""
        return self.code.hint.format(
            node=self.where.node or "NODE", phase=self.where.phase or "PHASE"
        )


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


class TrustError(KbError):
    """A CA hash, certificate or checksum does not match."""

    exit_code = ExitCode.TRUST


class NoticeError(KbError):
    """A warning before anything changes; the run continues."""

    exit_code = ExitCode.DONE


class InterruptedRunError(KbError):
    """The user or a signal ended this run."""

    exit_code = ExitCode.INTERRUPTED


class InternalError(KbError):
    """An invariant of kbootstrap's code does not hold."""

    exit_code = ExitCode.INTERNAL

"""Every error a user can see: one tree, one code each, and always a next step.

::

    KbError                      code, node, phase, detail (the failing command's words), hint
    +-- InventoryError    KB1xx  the file is wrong; nothing was contacted
    +-- UnreachableError  KB2xx  a host cannot be reached, or is not the host it should be
    |   +-- HostKeyError         its key is unknown or has changed
    |   +-- LoginError           it refuses the user, or sudo refuses
    |   +-- LostError            the connection broke; what ran there may still run
    +-- PhaseError        KB3xx  a step ran and failed, or a host is not fit for it
    +-- RefusedError      KB4xx  we will not: foreign cluster, lock, data at risk, plan drift
    +-- TrustError        KB5xx  a hash, certificate or checksum is not what it must be
    +-- NoticeError       KB318  worth knowing; the run goes on
    +-- InterruptedRunError KB6xx  Ctrl-C or a signal ended this run; nothing is lost
    +-- InternalError     KB9xx  a bug of ours

Raised everywhere below ``cli``; the engine stamps ``node`` and ``phase`` at its border.
The codes are in kbootstrap/codes; `kbootstrap.docs_generator` lists them with the exit status
of each and makes docs/errors.md.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """Exit status of the command; distinct so that scripts can tell them apart."""

    DONE = 0  # the work was done, or a read-only verb answered
    USAGE = 2  # wrong flags or a wrong inventory; nothing was contacted
    NOTHING_TO_DO = 3  # only with --exit-code: the cluster is already as the inventory says
    CHANGES_PENDING = 4  # only with --exit-code: a dry run found changes
    UNREACHABLE = 5
    FAILED = 6  # a phase failed
    REFUSED = 7  # foreign cluster, lock, would destroy
    TRUST = 8  # a hash, certificate or checksum did not match
    DIFFERS = 9  # the live cluster has other settings than the inventory, which stay as they are
    INTERNAL = 70  # EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130  # 128 + SIGINT, as shells report it


@dataclass(frozen=True, slots=True)
class Code:
    """One documented error: its number, meaning and what to do next."""

    id: str  # "KB301"
    title: str
    hint: str  # the next step, in full sentences; may use {node} and {phase}


@dataclass(frozen=True, slots=True)
class Where:
    """Where an error happened; empty strings when it is about no node or phase."""

    node: str = ""
    phase: str = ""


class KbError(Exception):
    """Base of all errors shown to users.

    ``str(error)`` is one line; ``detail`` holds the failing command's own last words.
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
        """The same error, stamped with the place unless it already has one."""
        self.where = replace(
            self.where, node=self.where.node or node, phase=self.where.phase or phase
        )
        return self

    @property
    def hint(self) -> str:
        """What the user should do next, with the names of this case filled in."""
        return self.code.hint.format(
            node=self.where.node or "NODE", phase=self.where.phase or "PHASE"
        )


class InventoryError(KbError):
    """The inventory, or a flag, is wrong; no host was contacted."""

    exit_code = ExitCode.USAGE


class UnreachableError(KbError):
    """A host does not answer, or a name cannot be resolved."""

    exit_code = ExitCode.UNREACHABLE


class HostKeyError(UnreachableError):
    """The host's key is unknown, or not the one we know; nothing secret was sent."""


class LoginError(UnreachableError):
    """The host refuses our user or key, or sudo refuses."""


class LostError(UnreachableError):
    """The connection broke while a script ran; its outcome is unknown, not failed."""


class PhaseError(KbError):
    """A step ran and failed, or the host is not fit for it."""

    exit_code = ExitCode.FAILED


class RefusedError(KbError):
    """The command could harm something it must not touch."""

    exit_code = ExitCode.REFUSED


class TrustError(KbError):
    """A CA hash, certificate or checksum is not what it must be."""

    exit_code = ExitCode.TRUST


class NoticeError(KbError):
    """Worth knowing before anything changes; the run goes on."""

    exit_code = ExitCode.DONE


class InterruptedRunError(KbError):
    """The user or a signal ended this run."""

    exit_code = ExitCode.INTERRUPTED


class InternalError(KbError):
    """A promise of our own code does not hold."""

    exit_code = ExitCode.INTERNAL

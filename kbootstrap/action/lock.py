"""The lock's record on a control plane: /run/kbootstrap.lock (docs/state.md)."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from kbootstrap.action.host import HostAction
from kbootstrap.model.lock import PATH
from kbootstrap.render import render


def read_record(path: str = PATH, *, gate: bool = False) -> str:
    """Shell that prints the record; read-only. With ``gate`` it fails if there is one."""
    return render("lock/read.sh.j2", path=path, gate=gate)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapRecord(HostAction):
    """Write or remove the record, if it is still as it was seen; then print what is there.

    Attributes:
        seen: the text it must have; empty for no record.
        stamp: the time it must have; None for any, as its own holder may have renewed it.
        record: the new text; empty to remove it.

    """

    seen: str
    stamp: str | None
    record: str
    path: str = PATH

    @property
    def text(self) -> str:
        return f"write {self.path} (0600)" if self.record else f"remove {self.path}"

    def script(self) -> str:
        swap = render(
            "lock/swap.sh.j2",
            path=self.path,
            folder=str(PurePosixPath(self.path).parent),
            seen=self.seen,
            stamp=self.stamp,
            record=self.record,
        )
        return f"{swap}\n{read_record(self.path)}"

"""Turns the output of a failed command into an error with a code."""

import re

from kbootstrap import codes
from kbootstrap.action import Action, Detached, Unit
from kbootstrap.codes import UPGRADE_FAILED
from kbootstrap.engine.events import clean
from kbootstrap.errors import Code, KbError, PhaseError, TrustError

_PREFLIGHT = re.compile(r"^\s*\[ERROR ([^\]]+)\]: (.*)$", re.MULTILINE)
_KLOG = re.compile(r"^[WIE]\d{4} |^\{\"level\":")  # klog, and zap of kubeadm's client of etcd
_SIGN = re.compile(r"\bKB-[A-Z]+ ")  # how the scripts in templates/ name the error
LAST_LINES = 25

_SIGNS: tuple[tuple[str, Code], ...] = (
    ("KB-HERE", codes.OWN_DISK),
    ("No space left on device", codes.DISK_FULL),
    ("no space left on device", codes.DISK_FULL),  # kubeadm and the runtimes, written in Go
    ("printf: I/O error", codes.DISK_FULL),  # dash on a full disk
    ("validate CRI v1", codes.RUNTIME_DOWN),  # crictl and kubeadm, for a dead socket
    ("KB-VERSION", codes.WRONG_VERSION),
    ("KB-PULL", codes.IMAGE_PULL),
    ("KB-SNAPSHOT", codes.SNAPSHOT_FAILED),
    ("KB-RESTORE", codes.RESTORE_FAILED),
    ("too many learner members", codes.LEARNER_LEFT),
    ("KB-READY", codes.API_DOWN),
    ("failed to pull image", codes.IMAGE_PULL),
    ("strict decoding error", codes.CONFIG_REFUSED),
    ("does not answer at", codes.RUNTIME_DOWN),
)
_BY_RUN = {
    "init": codes.INIT_FAILED,
    "join": codes.JOIN_FAILED,
    "images": codes.IMAGE_PULL,
    "upgrade": UPGRADE_FAILED,  # the names of its runs end with the version
}


def failure(action: Action, output: str, rc: int) -> KbError:
    """The error of an action that ended with ``rc`` after printing ``output``."""
    detail = clean(_SIGN.sub("", last_words(output)))
    if "KB-CHECKSUM" in output:
        return TrustError(codes.CHECKSUM, _line_with("KB-CHECKSUM", output), detail=detail)
    if "are pinned" in output:
        return TrustError(codes.CA_MISMATCH, _line_with("are pinned", output), detail=detail)
    errors = _PREFLIGHT.findall(clean(output))
    if errors:
        code = _preflight_code(errors)
        names = ", ".join(dict.fromkeys(name for name, _ in errors))
        lines = "\n".join(f"[{name}] {words}" for name, words in errors)
        return PhaseError(code, f"{action.text}: {names}", detail=lines)
    return PhaseError(_code(action, output), f"{action.text}: exit status {rc}", detail=detail)


def _preflight_code(errors: list[tuple[str, str]]) -> Code:
    names = [name for name, _ in errors]
    if all(name.startswith("Port-") for name in names):
        return codes.PORT_TAKEN
    if names == ["CRI"]:
        return codes.RUNTIME_DOWN
    return codes.IMAGE_PULL if names == ["ImagePull"] else codes.PREFLIGHT


def _code(action: Action, output: str) -> Code:
    for sign, code in _SIGNS:
        if sign in output:
            return code
    if isinstance(action, Unit) and action.name in {"containerd.service", "crio.service"}:
        return codes.RUNTIME_DOWN
    if "config validate" in action.text:
        return codes.CONFIG_REFUSED
    name = action.name if isinstance(action, Detached) else ""
    return _BY_RUN.get(name.partition("-")[0], codes.STEP_FAILED)


def last_words(output: str) -> str:
    """The end of a command's output, without its log and kubeadm's advice."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    shown = [
        line for line in lines if not _KLOG.match(line) and "To see the stack trace" not in line
    ]
    return "\n".join((shown or lines)[-LAST_LINES:])


def _line_with(sign: str, output: str) -> str:
    line = next(line for line in output.splitlines() if sign in line)
    return _SIGN.sub("", line).strip()

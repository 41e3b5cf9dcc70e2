"""Turns the output of a failed command into an error with a code."""

import re

from kbootstrap import codes
from kbootstrap.action import Action, Detached, Unit
from kbootstrap.codes import UPGRADE_FAILED
from kbootstrap.errors import Code, KbError, PhaseError, TrustError
from kbootstrap.masking import mask_output

_PREFLIGHT = re.compile(r"^\s*\[ERROR ([^\]]+)\]: (.*)$", re.MULTILINE)
# klog, zap of kubeadm's client of etcd, kubeadm's advice, and passed checks of /readyz.
_IDLE = re.compile(r"^[WIE]\d{4} |^\{\"level\":|.*To see the stack trace|^\[\+\]")
# How the scripts in templates/ name the error. The last such line is theirs: what a registry or a
# command printed comes before it.
_SIGN = re.compile(r"^(?:kbootstrap: )?(KB-[A-Z]+) (.*)$", re.MULTILINE)
_PINNED = re.compile(r"^error: .* are pinned$", re.MULTILINE)  # kubeadm join
_CHECKSUM = "KB-CHECKSUM"
LAST_LINES = 25

_OWN = {
    "KB-HERE": codes.OWN_DISK,
    "KB-UNSAFE": codes.UNSAFE_PATH,
    "KB-VERSION": codes.WRONG_VERSION,
    "KB-PULL": codes.IMAGE_PULL,
    "KB-SNAPSHOT": codes.SNAPSHOT_FAILED,
    "KB-RESTORE": codes.RESTORE_FAILED,
    "KB-READY": codes.API_DOWN,
    "KB-ENDPOINT": codes.ENDPOINT_SILENT,
}
_FULL = (
    "No space left on device",
    "no space left on device",  # kubeadm and the runtimes, written in Go
    "printf: I/O error",  # dash on a full disk
    "echo: I/O error",
)
_SIGNS: tuple[tuple[str, Code], ...] = (
    ("validate CRI v1", codes.RUNTIME_DOWN),  # crictl and kubeadm, for a dead socket
    ("too many learner members", codes.LEARNER_LEFT),
    ("failed to pull image", codes.IMAGE_PULL),
    ("strict decoding error", codes.CONFIG_REFUSED),
    ("does not answer at", codes.RUNTIME_DOWN),
)
_BY_RUN = {
    "init": codes.INIT_FAILED,
    "join": codes.JOIN_FAILED,
    "images": codes.IMAGE_PULL,
    "kubelet": codes.KUBELET_REVERTED,
    "runtime": codes.RUNTIME_REVERTED,
    "control": codes.SETTINGS_UNDONE,  # control-plane-COMPONENT
    "upgrade": UPGRADE_FAILED,  # the names of its runs end with the version
}


def failure(action: Action, output: str, rc: int) -> KbError:
    """The error of an action that ended with ``rc`` after printing ``output``."""
    sign, text = _own_sign(action, output)
    detail = _SIGN.sub(r"\2", last_words(mask_output(output)))
    if sign == _CHECKSUM:
        return TrustError(codes.CHECKSUM, text, detail=detail)
    errors = () if sign else _PREFLIGHT.findall(mask_output(output))
    if errors:
        code = _preflight_code(errors)
        names = ", ".join(dict.fromkeys(name for name, _ in errors))
        lines = "\n".join(f"[{name}] {words}" for name, words in errors)
        return PhaseError(code, f"{action.text}: {names}", detail=lines)
    pinned = _PINNED.search(output) if _run(action) == "join" else None
    if pinned:
        return TrustError(codes.CA_MISMATCH, pinned[0], detail=detail)
    return PhaseError(
        _code(action, output, sign), f"{action.text}: exit status {rc}", detail=detail
    )


def _own_sign(action: Action, output: str) -> tuple[str, str]:
    """The sign that the script of the action printed last, and the text after it."""
    found = ("", "")
    for line in _SIGN.finditer(output):
        if line[1] in _OWN or (line[1] == _CHECKSUM and not isinstance(action, Detached)):
            found = line[1], line[2].strip()
    return found


def _run(action: Action) -> str:
    """The name of a detached command, without a version."""
    return action.name.partition("-")[0] if isinstance(action, Detached) else ""


def _preflight_code(errors: list[tuple[str, str]]) -> Code:
    names = [name for name, _ in errors]
    if all(name.startswith("Port-") for name in names):
        return codes.PORT_TAKEN
    if names == ["CRI"]:
        return codes.RUNTIME_DOWN
    return codes.IMAGE_PULL if names == ["ImagePull"] else codes.PREFLIGHT


def _code(action: Action, output: str, sign: str) -> Code:
    own = _OWN.get(sign)
    if own is not codes.OWN_DISK and any(text in output for text in _FULL):
        return codes.DISK_FULL
    if own:
        return own
    for text, code in _SIGNS:
        if text in output:
            return code
    if isinstance(action, Unit) and action.name in {"containerd.service", "crio.service"}:
        return codes.RUNTIME_DOWN
    if "config validate" in action.text:
        return codes.CONFIG_REFUSED
    return _BY_RUN.get(_run(action), codes.STEP_FAILED)


def last_words(output: str) -> str:
    """The end of a command's output, without its log, kubeadm's advice and passed health checks."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    shown = [line for line in lines if not _IDLE.match(line)]
    return "\n".join((shown or lines)[-LAST_LINES:])

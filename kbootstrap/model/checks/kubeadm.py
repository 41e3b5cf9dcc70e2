"""Names passed to kubeadm that it would ignore, or refuse only in the middle of a run."""

import re
from collections.abc import Iterator

from kbootstrap import codes
from kbootstrap.model import kubernetes_names
from kbootstrap.model.checks.base import CheckContext
from kbootstrap.model.problems import Path, Violation
from kbootstrap.model.validators.base import closest
from kbootstrap.model.validators.values import seconds
from kbootstrap.model.versions import FULL_FROM_MINOR

_IGNORE: Path = ("kubeadm", "ignore_preflight")
_SKIP: Path = ("kubeadm", "skip_phases")
_OLD_TIMEOUTS = {"control_plane", "discovery"}  # the only two that v1beta3 has
_MIN_TTL, _MAX_TTL = 60, 900


def version(context: CheckContext) -> Iterator[Violation]:
    """Old releases are rendered but not tested."""
    if context.before(FULL_FROM_MINOR):
        message = f"{context.version} is rendered as v1beta3 and not tested on nodes"
        path = ("kubernetes", "version")
        yield Violation(code=codes.INV_W_RENDER_ONLY, path=path, message=message, warning=True)


def preflight_names(context: CheckContext) -> Iterator[Violation]:
    """Ignored checks exist; kubeadm itself accepts any name."""
    lists = [(_IGNORE, context.inventory.kubeadm.ignore_preflight)]
    lists += [
        ((*path, "ignore_preflight"), layer.ignore_preflight or ())
        for path, layer in context.layers
    ]
    for path, names in lists:
        for i, name in enumerate(names):
            if not _is_check(name):
                yield Violation(
                    code=codes.INV_PREFLIGHT,
                    path=(*path, i),
                    message=f"kubeadm has no check {name!r}",
                    allowed="a name such as Swap, NumCPU or Port-10250, as its errors print it",
                    meant=_meant_check(name),
                )


def _is_check(name: str) -> bool:
    lower = name.lower()  # as kubeadm compares them
    known = {"all", *(check.lower() for check in kubernetes_names.PREFLIGHT_CHECKS)}
    return lower in known or any(
        re.fullmatch(family.lower(), lower) for family in kubernetes_names.PREFLIGHT_FAMILIES
    )


def _meant_check(name: str) -> str:
    port = re.fullmatch(r"port[-_: ]*([0-9]{1,5})", name.lower())
    return f"Port-{port[1]}" if port else closest(name, kubernetes_names.PREFLIGHT_CHECKS)


def preflight_all(context: CheckContext) -> Iterator[Violation]:
    """`all` is the only name, else kubeadm refuses the list; it also hides real damage."""
    everywhere = context.inventory.kubeadm.ignore_preflight
    seen: set[Path] = set()
    for member in context.members:
        own = member.settings.ignore_preflight or ()
        union = {name.lower() for name in (*everywhere, *own)}
        path = _IGNORE if "all" in map(str.lower, everywhere) else member.origin("ignore_preflight")
        if "all" not in union or path in seen:
            continue
        seen.add(path)
        if len(union) > 1:
            others = ", ".join(sorted(union - {"all"}))
            message = f"all cannot be combined with other checks ({others})"
            allowed = "all alone, or exact names without it"
            yield Violation(code=codes.INV_PREFLIGHT, path=path, message=message, allowed=allowed)
        else:
            message = "every preflight check is ignored"
            yield Violation(
                code=codes.INV_W_PREFLIGHT_ALL, path=path, message=message, warning=True
            )


def skipped_phases(context: CheckContext) -> Iterator[Violation]:
    """Skipped phases exist, have no key of their own, and no later step needs them."""
    several = len(context.members) > 1
    for i, name in enumerate(context.inventory.kubeadm.skip_phases):
        path = (*_SKIP, i)
        if name not in kubernetes_names.PHASES:
            yield Violation(
                code=codes.INV_PHASE,
                path=path,
                message=f"{name!r} is not a phase of kubeadm init or join",
                allowed=", ".join(p for p in kubernetes_names.PHASES if "/" not in p)
                + ", or parent/child",
                meant=closest(name, kubernetes_names.PHASES),
            )
        elif name in kubernetes_names.PHASES_OF_ADDONS:
            key = kubernetes_names.PHASES_OF_ADDONS[name]
            message = f"{name} is an addon that has a key of its own"
            yield Violation(
                code=codes.INV_CONTRADICTION, path=path, message=message, allowed=f"{key}: false"
            )
        elif several and name in kubernetes_names.PHASES_JOINS_NEED:
            message = f"without {name} no other node can join"
            yield Violation(code=codes.INV_CONTRADICTION, path=path, message=message)


def feature_gates(context: CheckContext) -> Iterator[Violation]:
    """Feature gates are kubeadm's own and known to this release."""
    if context.version is None:
        return
    minor = context.version.minor
    known = [
        name
        for name, (since, until) in kubernetes_names.FEATURE_GATES.items()
        if since <= minor <= (until or minor)
    ]
    newer = minor > kubernetes_names.KNOWN_MINOR
    for name in context.inventory.kubeadm.feature_gates:
        if name not in known:
            yield Violation(
                code=codes.INV_W_SETTING if newer else codes.INV_FEATURE_GATE,
                path=("kubeadm", "feature_gates", name),
                message=f"{name!r} is not a known feature gate of kubeadm 1.{minor}",
                allowed=", ".join(known),
                meant=closest(name, known),
                at_key=True,
                warning=newer,
            )


def timeouts(context: CheckContext) -> Iterator[Violation]:
    """v1beta3 has two timeouts only; the others would be ignored silently."""
    if not context.before(FULL_FROM_MINOR):
        return
    written = context.inventory.kubeadm.timeouts.model_fields_set
    for key in sorted(written - _OLD_TIMEOUTS):
        yield Violation(
            code=codes.INV_CONTRADICTION,
            path=("kubeadm", "timeouts", key),
            message=f"kubeadm {context.version} does not have this timeout",
            allowed=", ".join(sorted(_OLD_TIMEOUTS)) + f", or v1.{FULL_FROM_MINOR} and later",
            at_key=True,
        )


def token(context: CheckContext) -> Iterator[Violation]:
    """A token is valid long enough for one join, and not longer."""
    ttl = context.inventory.token.ttl
    if not _MIN_TTL <= seconds(ttl) <= _MAX_TTL:
        yield Violation(
            code=codes.INV_DURATION,
            path=("token", "ttl"),
            message=f"{ttl} is not between 1m and 15m",
            allowed="1m to 15m",
            meant="15m" if seconds(ttl) > _MAX_TTL else "1m",
        )


CHECKS = (
    version,
    preflight_names,
    preflight_all,
    skipped_phases,
    feature_gates,
    timeouts,
    token,
)

"""Fields of kubeadm's addons that were changed by hand, and that an upgrade resets; pure.

``kubeadm upgrade apply`` replaces these objects (cmd/kubeadm/app/phases/addons and
util/apiclient/idempotency.go). Who wrote a field is in ``managedFields``, so that what the API
server or kubeadm set by default is no change, in whichever release.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kbootstrap.drift.addon_fields import objects as written
from kbootstrap.drift.documents import same
from kbootstrap.model.difference import shown
from kbootstrap.model.document import Document

Doc = Mapping[str, Any]
Path = tuple[str, ...]
_OURS = frozenset({"kubeadm", "kbootstrap", "kube-controller-manager"})
# Records of kubectl, which configure nothing.
_RECORDS = ("kubectl.kubernetes.io/restartedAt", "kubectl.kubernetes.io/last-applied-configuration")
# What kubeadm reads and writes back, by the object.
_RETAINED: Mapping[tuple[str, str], tuple[Path, ...]] = {
    ("Deployment", "coredns"): (("spec", "replicas"),),
    ("ConfigMap", "kube-proxy"): (("data", "config.conf"),),
    ("ConfigMap", "kubelet-config"): (("data", "kubelet"),),
}
_COREFILE = ("data", "Corefile")
# The fields that identify an item of a list, as managedFields names it.
_KEYS = (
    *(("name",), ("mountPath",), ("ip",), ("containerPort", "protocol"), ("port", "protocol")),
    ("topologyKey", "whenUnsatisfiable"),
)
_LONGEST = 60  # characters of a value


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A field that an upgrade resets.

    Attributes:
        kind: of the object.
        name: of the object, in kube-system.
        field: its path, such as ``spec.template.spec.containers[coredns].args``.
        live: the value now, as printed.
        after: what kubeadm writes, as printed.

    """

    kind: str
    name: str
    field: str
    live: str
    after: str

    @property
    def text(self) -> str:
        """One line for people."""
        remedy = "set it again afterwards"
        if self.kind == "Deployment":
            remedy = "a patch of the target corednsdeployment (`kubeadm.patches`) keeps it"
        change = f"{self.field} from {self.live} to {self.after}"
        return f"resets a change made by hand: {self.kind} {self.name}: {change}; {remedy}"


def resets(objects: Iterable[Document], patches: Iterable[Document]) -> Iterator[Reset]:
    """What an upgrade resets in these objects.

    Args:
        objects: as the API server returns them, with managedFields.
        patches: of the target corednsdeployment, which kubeadm applies to the Deployment.

    """
    known = tuple(patch.data for patch in patches)
    for document in objects:
        found = document.data
        kind, name = str(found["kind"]), str(found["metadata"]["name"])
        wanted = written().get((kind, name), {})
        over = known if kind == "Deployment" else ()
        for path in sorted(_changed(kind, name, found, wanted)):
            live, after = at(path, found), at(path, wanted)
            for patch in over:
                after = at(path, patch) if at(path, patch) is not None else after
            if not same(live, after):
                yield Reset(
                    kind=kind,
                    name=name,
                    field=_text(path),
                    live=_value(live),
                    after=_value(after),
                )


def _changed(kind: str, name: str, found: Doc, wanted: Doc) -> set[Path]:
    """Fields that others wrote, and those of kubeadm that were removed."""
    paths = set(_of_others(found))
    if (kind, name) == ("ConfigMap", "coredns") and _COREFILE in paths:
        return set()  # kubeadm retains a ConfigMap with a Corefile of the user
    kept = _RETAINED.get((kind, name), ())
    removed = {path for path in _leaves(wanted) if at(path, found) is None}
    return {path for path in paths if path not in kept and at(path, found) is not None} | removed


def _of_others(found: Doc) -> Iterator[Path]:
    for entry in found["metadata"].get("managedFields") or ():
        if entry.get("manager") not in _OURS and not entry.get("subresource"):
            for path in _owned(entry.get("fieldsV1") or {}):
                if path[-1] not in _RECORDS:
                    yield path


def _owned(fields: Doc, path: Path = ()) -> Iterator[Path]:
    """The paths in a set of fields; an item of a list that the writer added is one field.

    https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """
    for key, inner in fields.items():
        kind, _, name = key.partition(":")
        if kind == "k":
            step = "[" + ",".join(str(value) for value in json.loads(name).values()) + "]"
        elif kind == "f":
            step = name
        else:
            continue
        if not inner or (kind == "k" and "." in inner) or set(inner) == {"."}:
            yield (*path, step)
        else:
            yield from _owned(inner, (*path, step))


def _leaves(doc: Doc, path: Path = ()) -> Iterator[Path]:
    """The path of each value; a list whose items have no names is one."""
    for name, value in doc.items():
        if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
            named = [one for one in value if "name" in one]
            for one in named:
                yield from _leaves(one, (*path, name, f"[{one['name']}]"))
            if not named:
                yield (*path, name)
        elif isinstance(value, Mapping):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name)


def at(path: Path, doc: Any) -> Any:
    """The value at a path; None if there is none."""
    for step in path:
        if isinstance(doc, Mapping):
            doc = doc.get(step)
        elif isinstance(doc, list):
            doc = next((item for item in doc if _is(item, step)), None)
        else:
            return None
    return doc


def _is(item: object, step: str) -> bool:
    """Whether an item of a list has these values as its key, such as ``[coredns]``."""
    if not isinstance(item, Mapping):
        return False
    return any(
        "[" + ",".join(str(item.get(name)) for name in names) + "]" == step for names in _KEYS
    )


def _text(path: Path) -> str:
    return "".join(step if step.startswith("[") else f".{step}" for step in path)[1:]


def _value(value: object) -> str:
    if isinstance(value, str) and "\n" in value:
        return f"its {len(value.splitlines())} lines"
    text = shown(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."

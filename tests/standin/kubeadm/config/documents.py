"""A configuration file as YAML documents, read the way kubeadm reads them."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import yaml

from tests.standin.common.klog import FatalError

_OLD = {
    "v1alpha1": "v1.11",
    "v1alpha2": "v1.12",
    "v1alpha3": "v1.14",
    "v1beta1": "v1.15",
    "v1beta2": "v1.22",
}
GROUP = "kubeadm.k8s.io"


@dataclasses.dataclass(frozen=True)
class Document:
    """One document with its kind; duplicates are the keys given twice."""

    group: str
    version: str
    kind: str
    value: dict[str, Any]
    duplicates: tuple[str, ...] = ()

    def api_version(self) -> str:
        return f"{self.group}/{self.version}"

    def go(self) -> str:
        """The %#v of a GroupVersionKind."""
        return (
            f'schema.GroupVersionKind{{Group:"{self.group}", Version:"{self.version}",'
            f' Kind:"{self.kind}"}}'
        )

    def plain(self) -> str:
        """The %v of a GroupVersionKind."""
        return f"{self.api_version()}, Kind={self.kind}"


class _Loader(yaml.SafeLoader):
    """Keeps dates as texts and notes duplicate keys."""

    duplicates: list[str]

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                self.duplicates.append(f'  line {line}: key "{key}" already set in map')
            seen.add(key)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _load(text: str) -> tuple[Any, tuple[str, ...]]:
    loader = _Loader(text)
    loader.duplicates = []
    try:
        return loader.get_single_data(), tuple(loader.duplicates)
    except yaml.YAMLError as err:
        raise FatalError(
            "could not interpret GroupVersionKind; unmarshal error: error converting YAML to JSON:"
            f" yaml: {_syntax(text)}"
        ) from err
    finally:
        loader.dispose()


def _syntax(text: str) -> str:
    """The message of libyaml, which Go's library has too, with the line that Go counts."""
    try:
        for _ in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            pass
    except yaml.MarkedYAMLError as err:
        mark = err.context_mark if err.context_mark and err.context_mark.line else err.problem_mark
        line = mark.line if mark else 0
        if line and isinstance(err, yaml.scanner.ScannerError):
            line += 1
        return (f"line {line}: " if line else "") + str(err.problem)
    except yaml.YAMLError as err:
        return str(err)
    return "unknown problem parsing YAML content"


def split(text: str) -> list[Document]:
    """All documents; the first fault ends it."""
    documents: list[Document] = []
    errors = []
    for part in re.split(r"(?m)^---[ \t]*(?:#.*)?\r?$", text):
        if not part.strip():
            continue
        value, duplicates = _load(part.strip("\n") if part.startswith("\n") else part)
        document = _identify(value, duplicates)
        if any(d.kind == document.kind for d in documents):
            errors.append(
                f'invalid configuration: kind "{document.kind}" is specified twice in YAML file'
            )
        else:
            documents.append(document)
    if errors:
        raise FatalError(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")
    return documents


def _identify(value: Any, duplicates: tuple[str, ...]) -> Document:
    if value is not None and not isinstance(value, dict):
        kind = {str: "string", list: "array", bool: "bool"}.get(type(value), "number")
        raise FatalError(
            "could not interpret GroupVersionKind; unmarshal error: error unmarshaling JSON: while"
            f" decoding JSON: json: cannot unmarshal {kind} into Go value of type runtime.TypeMeta"
        )
    value = value or {}
    api_version, kind = str(value.get("apiVersion") or ""), str(value.get("kind") or "")
    group, _, version = api_version.rpartition("/")
    if not group or not version or not kind:
        shown = f"{group}/{version}, Kind={kind}"
        raise FatalError(
            f"invalid configuration for GroupVersionKind {shown}: kind and apiVersion is mandatory"
            " information that must be specified"
        )
    return Document(group, version, kind, value, duplicates)


def refuse_old(document: Document) -> None:
    """API versions that were dropped long ago."""
    if document.group == GROUP and document.version in _OLD:
        raise FatalError(
            f'your configuration file uses an old API spec: "{document.api_version()}" (kind:'
            f' "{document.kind}"). Please use kubeadm {_OLD[document.version]} instead and run'
            " 'kubeadm config migrate --old-config old-config-file --new-config new-config-file',"
            " which will write the new, similar spec using a newer API version."
        )


def is_old(document: Document) -> bool:
    return document.group == GROUP and document.version in _OLD

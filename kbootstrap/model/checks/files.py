"""Local files, directories and manifests, and the paths of files on nodes."""

import re
from collections.abc import Iterator
from typing import Any

from kbootstrap import bounded_file, codes
from kbootstrap.model import kubernetes_names
from kbootstrap.model.checks.base import CheckContext
from kbootstrap.model.inventory import FileSection
from kbootstrap.model.local_paths import exists, files_in, is_url, local
from kbootstrap.model.placeholders import VERSION
from kbootstrap.model.problems import Path as Keys
from kbootstrap.model.problems import Violation
from kbootstrap.model.validators.base import closest

_PATCH = re.compile(
    rf"(?:{'|'.join(kubernetes_names.PATCH_TARGETS)})[^.+\n]*(?:\+(?:strategic|merge|json))?\.(?:yaml|json)"
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
# Keys of containerd's settings of a registry, and the header that holds one.
_LOGIN = frozenset({"auth", "authorization", "identitytoken", "password"})


def patches(context: CheckContext) -> Iterator[Violation]:
    """The patches directory exists, and kubeadm ignores no file in it."""
    text = context.inventory.kubeadm.patches
    if text is None:
        return
    path, directory = ("kubeadm", "patches"), local(text, context.directory)
    if not exists(directory, "directory"):
        yield _missing(path, f"there is no directory {directory}")
        return
    names = files_in(directory)
    for name in names:
        if not _PATCH.fullmatch(name):
            yield Violation(
                code=codes.INV_PATCHES,
                path=path,
                message=f"kubeadm would ignore {name!r} in {directory}",
                allowed="target[suffix][+strategic|merge|json].{yaml,json}; targets: "
                + ", ".join(kubernetes_names.PATCH_TARGETS),
                meant=_meant_patch(name),
            )
    if not names:
        yield Violation(
            code=codes.INV_PATCHES, path=path, message=f"{directory} holds no readable patch"
        )


def _meant_patch(name: str) -> str:
    stem, _, extension = name.rpartition(".")
    target, plus, kind = stem.partition("+")
    guess = closest(target, kubernetes_names.PATCH_TARGETS) or target
    name = f"{guess}{plus}{kind}.{'json' if extension == 'json' else 'yaml'}"
    return name if _PATCH.fullmatch(name) else ""


def manifests(context: CheckContext) -> Iterator[Violation]:
    """Manifests are named if, and only if, they are applied."""
    section, path = context.inventory.cni, ("cni", "manifests")
    if section.type == "manifest" and not section.manifests:
        message = "is missing: cni.type is manifest"
        yield Violation(code=codes.INV_MISSING_KEY, path=path, message=message)
    if section.type != "manifest" and section.manifests:
        message = f"they are not applied with cni.type {section.type}"
        allowed = "cni.type manifest"
        yield Violation(code=codes.INV_CONTRADICTION, path=path, message=message, allowed=allowed)
    if "type" not in section.model_fields_set:
        message = "no pod network is chosen, so the nodes will stay NotReady"
        yield Violation(code=codes.INV_W_NO_CNI, path=("cni",), message=message, warning=True)
    for i, text in enumerate(section.manifests):
        if not is_url(text) and not exists(local(text, context.directory), "file"):
            yield _missing((*path, i), f"there is no file {local(text, context.directory)}")


def own_files(context: CheckContext) -> Iterator[Violation]:
    """A file has one source, holds no private key, and is not one that kubeadm writes."""
    for i, section in enumerate(context.inventory.files):
        path = ("files", i)
        if (section.content is None) == (section.source is None):
            message = "a file has either content or source"
            yield Violation(
                code=codes.INV_CONTRADICTION, path=path, message=message, allowed="one of the two"
            )
        if section.path in kubernetes_names.KUBEADM_FILES:
            message = f"{section.path} is written by kubeadm"
            yield Violation(code=codes.INV_OWNED, path=(*path, "path"), message=message)
        text = section.content or ""
        if section.source is not None:
            text, trouble = _read(local(section.source, context.directory))
            if trouble:
                yield _missing((*path, "source"), trouble)
        if _PRIVATE_KEY.search(text):
            key = "source" if section.source is not None else "content"
            message = "a private key would be printed in plans and records"
            allowed = "copy it to the node yourself"
            yield Violation(
                code=codes.INV_SECRET, path=(*path, key), message=message, allowed=allowed
            )


def _read(path: str) -> tuple[str, str]:
    """The file's text, and why it cannot be read; one of the two is empty."""
    try:
        return bounded_file.text(path, bounded_file.MOST_BYTES), ""
    except OSError as error:
        return "", f"{path}: {(error.strerror or 'cannot be read').lower()}"


def one_file_per_path(context: CheckContext) -> Iterator[Violation]:
    """No node gets two files at one path."""
    seen: list[FileSection] = []
    for i, section in enumerate(context.inventory.files):
        for other in seen:
            shared = not section.nodes or not other.nodes or set(section.nodes) & set(other.nodes)
            if other.path == section.path and shared:
                message = f"another entry also writes {section.path}"
                yield Violation(code=codes.INV_TWICE, path=("files", i, "path"), message=message)
                break
        seen.append(section)


_USED_BY = (  # keys of `programs`, and the sources that use them
    ("folder", ("folder",)),
    ("base_url", ("release",)),
    ("crictl_url", ("release",)),
    ("cni_plugins_url", ("release", "folder")),
    ("cni_plugins_folder", ("release", "folder")),
)


def programs(context: CheckContext) -> Iterator[Violation]:
    """The keys fit the source, and directories exist."""
    section = context.inventory.programs
    if section.source == "folder" and section.folder is None:
        message = "is missing, but `programs.source` is `folder`"
        yield Violation(code=codes.INV_MISSING_KEY, path=("programs", "folder"), message=message)
    for key, sources in _USED_BY:
        if getattr(section, key) is not None and section.source not in sources:
            message = f"it is not used with programs.source {section.source}"
            yield Violation(
                code=codes.INV_CONTRADICTION,
                path=("programs", key),
                message=message,
                allowed=f"programs.source: {' or '.join(sources)}",
            )
    if section.cni_plugins_url and section.cni_plugins_folder:
        message = "cni_plugins_url is set too"
        path = ("programs", "cni_plugins_folder")
        yield Violation(
            code=codes.INV_CONTRADICTION, path=path, message=message, allowed="one of the two"
        )
    for key in ("folder", "cni_plugins_folder"):
        text = getattr(section, key)
        if text is not None and key == "folder" and context.version is not None:
            text = text.replace(VERSION, str(context.version))
        if text is not None and not exists(local(text, context.directory), "directory"):
            yield _missing(
                ("programs", key), f"there is no directory {local(text, context.directory)}"
            )


def mirrors(context: CheckContext) -> Iterator[Violation]:
    """Each registry is named once; plain http needs ``insecure``."""
    seen: set[str] = set()
    for i, section in enumerate(context.inventory.registry.mirrors):
        path: Keys = ("registry", "mirrors", i)
        if section.host in seen:
            message = f"{section.host} is written twice"
            yield Violation(code=codes.INV_TWICE, path=(*path, "host"), message=message)
        seen.add(section.host)
        for j, endpoint in enumerate(section.endpoints):
            if endpoint.startswith("http://") and not section.insecure:
                yield Violation(
                    code=codes.INV_CONTRADICTION,
                    path=(*path, "endpoints", j),
                    message="plain http needs insecure: true beside it",
                    allowed="https, or insecure: true",
                )


def logins(context: CheckContext) -> Iterator[Violation]:
    """No login to a registry: users of a node can read the runtime's file, and plans show it."""
    for path in _logins(context.inventory.runtime.settings, ("runtime", "settings")):
        yield Violation(
            code=codes.INV_SECRET,
            path=path,
            message="a login to a registry must not be written into the inventory",
            allowed="a registry that needs none, or imagePullSecrets in Kubernetes",
        )


def _logins(value: Any, path: Keys) -> Iterator[Keys]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.lower() in _LOGIN and isinstance(inner, str | list):
                yield (*path, key)
            else:
                yield from _logins(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _logins(inner, (*path, i))


def _missing(path: Keys, message: str) -> Violation:
    return Violation(code=codes.INV_PATH, path=path, message=message)


CHECKS = (patches, manifests, own_files, one_file_per_path, programs, mirrors, logins)

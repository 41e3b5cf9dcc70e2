"""Parses the kubelet's files that kubeadm writes."""

import shlex
from functools import cache

import yaml

from kbootstrap.model.document import EMPTY, Document


@cache
def config_of(text: str) -> Document:
    """A kubelet's config.yaml; cached, as most nodes have the same; empty if damaged."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        return EMPTY
    return Document.of(data) if isinstance(data, dict) else EMPTY


def flags_of(line: str) -> tuple[str, ...]:
    """The flags in ``KUBELET_KUBEADM_ARGS="--a=b --c=d"``; none if the line is damaged."""
    try:
        return tuple(shlex.split(line.partition("=")[2].strip().strip('"')))
    except ValueError:
        return ()

"""Turns one node's merged settings into a `Node`: login, roles, labels, taints."""

from collections.abc import Mapping
from pathlib import Path

from kbootstrap.model import cluster as c
from kbootstrap.model.local_paths import local
from kbootstrap.model.merge import MergedNode
from kbootstrap.model.settings import Jump, SecretAt, Settings, Ssh
from kbootstrap.model.ssh_target import NOT_IN_INVENTORY, ROOT, SSH_PORT, SshTarget
from kbootstrap.secret import SecretRef


def roles(settings: Settings) -> frozenset[c.Role]:
    """The roles in a node's settings; empty if there are none."""
    if settings.role == "both":
        return frozenset(c.Role)
    section = settings.roles or (() if settings.role is None else (settings.role,))
    return frozenset(map(c.Role, section))


def node(member: MergedNode, directory: Path) -> c.Node:
    """The node; relative paths start in the inventory's directory."""
    entry, settings = member.entry, member.settings
    return c.Node(
        name=entry.name,
        address=entry.address,
        ssh=_target(settings.ssh or Ssh(), entry.address, directory),
        roles=roles(settings),
        advertise_address=entry.advertise_address or entry.address,
        second_address=entry.second_address or "",
        labels=_pairs(settings.labels),
        taints=_taints(settings),
        kubelet_args=tuple(c.Arg(name, value) for name, value in _pairs(settings.kubelet_args)),
        ignore_preflight=settings.ignore_preflight or (),
    )


def _pairs(section: Mapping[str, str | None] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v) for k, v in (section or {}).items() if v is not None))


def _taints(settings: Settings) -> tuple[c.Taint, ...] | None:
    if settings.taints is not None:
        return tuple(c.Taint(t.key, t.value, t.effect) for t in settings.taints)
    return () if roles(settings) == frozenset(c.Role) else None


def _target(ssh: Ssh, address: str, directory: Path) -> SshTarget:
    user = ssh.user or ROOT
    return SshTarget(
        host=ssh.host or address,
        port=ssh.port or SSH_PORT,
        user=user,
        key_file=_key(ssh.key, directory),
        password=_secret(ssh.password, directory),
        become=user != ROOT if ssh.become is None else ssh.become,
        become_password=_secret(ssh.become_password, directory),
        jump=_jump(ssh.jump, ssh, directory) if ssh.jump else None,
        host_keys=ssh.host_keys or (),
        host_cas=ssh.host_ca or (),
        left_open=_left_open(
            ssh,
            host=ssh.host,
            port=ssh.port,
            user=ssh.user,
            key=ssh.key or ssh.password,
            jump=ssh.jump,
            become=ssh.become,
        ),
    )


def _jump(jump: Jump, ssh: Ssh, directory: Path) -> SshTarget:
    return SshTarget(
        host=jump.host or "",
        port=jump.port or SSH_PORT,
        user=jump.user or ssh.user or ROOT,
        key_file=_key(jump.key or ssh.key, directory),
        password=_secret(jump.password, directory),
        host_keys=jump.host_keys or (),
        host_cas=jump.host_ca or (),
        left_open=_left_open(
            ssh,
            port=jump.port,
            user=jump.user or ssh.user,
            key=jump.key or jump.password or ssh.key,
        ),
    )


def _left_open(ssh: Ssh, **given: object) -> frozenset[str]:
    """The keys without a value, unless ~/.ssh/config is not to be read."""
    if ssh.config is False:
        return frozenset()
    return NOT_IN_INVENTORY | {key for key, value in given.items() if value is None}


def _key(text: str | None, directory: Path) -> str | None:
    return local(text, directory) if text else None


def _secret(section: SecretAt | None, directory: Path) -> SecretRef | None:
    if section is None:
        return None
    if section.file is not None:
        return SecretRef("file", local(section.file, directory))
    if section.env is not None:
        return SecretRef("env", section.env)
    return SecretRef("prompt", section.prompt or "")

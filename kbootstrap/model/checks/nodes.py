"""Names, addresses and logins are unique and refer to something that exists."""

from collections.abc import Iterator

from kbootstrap import codes
from kbootstrap.model.checks.base import CheckContext
from kbootstrap.model.merge import MergedNode
from kbootstrap.model.problems import Path, Violation
from kbootstrap.model.validators.base import closest


def unique_names(context: CheckContext) -> Iterator[Violation]:
    """No two nodes have the same name."""
    seen: set[str] = set()
    for member in context.members:
        name = member.entry.name
        if name in seen:
            message = f"{name} is also the name of an earlier node"
            yield Violation(code=codes.INV_TWICE, path=(*member.path, "name"), message=message)
        seen.add(name)


def unique_addresses(context: CheckContext) -> Iterator[Violation]:
    """No two nodes have the same address or advertise the same one."""
    owners: dict[str, MergedNode] = {}
    for member in context.members:
        for key, address in _addresses(member):
            owner = owners.setdefault(address, member)
            if owner is not member:
                message = f"{address} is also an address of {owner.entry.name}"
                path = (*member.path, key)
                yield Violation(code=codes.INV_TWICE, path=path, message=message)


def _addresses(member: MergedNode) -> Iterator[tuple[str, str]]:
    address, announced = member.entry.address, member.entry.advertise_address
    yield "address", address
    if announced is not None and announced != address:
        yield "advertise_address", announced
    if member.entry.second_address is not None:
        yield "second_address", member.entry.second_address


def unique_logins(context: CheckContext) -> Iterator[Violation]:
    """No two nodes have the same SSH host and port."""
    seen: dict[tuple[str, int, str], str] = {}
    for member in context.members:
        ssh = member.settings.ssh
        if ssh is None or (ssh.host is None and ssh.port is None):
            continue  # it is reached by its address, which is unique
        jump = ssh.jump.host or "" if ssh.jump else ""
        login = (ssh.host or member.entry.address, ssh.port or 22, jump)
        other = seen.setdefault(login, member.entry.name)
        if other != member.entry.name:
            yield Violation(
                code=codes.INV_TWICE,
                path=member.origin("ssh", "host") if ssh.host else member.origin("ssh", "port"),
                message=f"{member.entry.name} and {other} are reached by the same host and port",
            )


def known_groups(context: CheckContext) -> Iterator[Violation]:
    """A node names only groups that are defined."""
    groups = context.inventory.groups
    for member in context.members:
        for i, group in enumerate(member.entry.groups):
            if group not in groups:
                yield Violation(
                    code=codes.INV_UNKNOWN_NAME,
                    path=(*member.path, "groups", i),
                    message=f"there is no group {group!r}",
                    allowed=", ".join(groups) or "no group is defined",
                    meant=closest(group, groups),
                )


def file_nodes(context: CheckContext) -> Iterator[Violation]:
    """A file names only nodes that exist."""
    names = [member.entry.name for member in context.members]
    for i, section in enumerate(context.inventory.files):
        for j, name in enumerate(section.nodes):
            if name not in names:
                yield Violation(
                    code=codes.INV_UNKNOWN_NAME,
                    path=("files", i, "nodes", j),
                    message=f"there is no node {name!r}",
                    allowed=", ".join(names[:20]),
                    meant=closest(name, names),
                )


def logins(context: CheckContext) -> Iterator[Violation]:
    """Jump hosts have an address; a user other than root uses sudo."""
    seen: set[Path] = set()
    for member in context.members:
        for finding in _login(member):
            if finding.path not in seen:
                seen.add(finding.path)
                yield finding


def _login(member: MergedNode) -> Iterator[Violation]:
    ssh = member.settings.ssh
    if ssh is None:
        return
    if ssh.jump is not None and ssh.jump.host is None:
        yield Violation(
            code=codes.INV_MISSING_KEY,
            path=(*member.origin("ssh", "jump"), "host"),
            message="is missing",
            allowed="the address or DNS name of the jump host",
        )
    if ssh.become is False and ssh.user not in {None, "root"}:
        yield Violation(
            code=codes.INV_W_SUDO,
            path=member.origin("ssh", "become"),
            message=f"{ssh.user} does not use sudo, and kubeadm needs root",
            warning=True,
        )


CHECKS = (unique_names, unique_addresses, unique_logins, known_groups, file_nodes, logins)

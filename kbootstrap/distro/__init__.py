"""Families of Linux distributions: how packages are installed there, and what they are called.

A family is one file with one frozen `Family` and one row in `FAMILIES`. It is chosen by the ``ID``
of os-release(5), and else by the first word of ``ID_LIKE`` that is known. Phases use it for next
steps; nothing here acts.
"""

from collections.abc import Iterable

from kbootstrap.distro import debian, rhel, suse
from kbootstrap.distro.family import Family
from kbootstrap.model.host_facts import HostFacts

FAMILIES = (
    debian.FAMILY,
    rhel.FAMILY,
    suse.FAMILY,
)


def package_managers() -> tuple[str, ...]:
    """The commands of all families, which a probe looks for."""
    return tuple(sorted({one.split()[0] for family in FAMILIES for one in family.installs}))


def family_of(host: HostFacts) -> Family | None:
    """The family of a node's distribution; None if it is unknown."""
    known = {name: family for family in FAMILIES for name in family.ids}
    return next((known[name] for name in (host.os_id, *host.os_like) if name in known), None)


def install_command(host: HostFacts, commands: Iterable[str]) -> str:
    """The command that installs ``commands``, such as ``conntrack``, on the node.

    Followed by where to find the packages that the distribution itself does not have. Empty if
    the family is unknown.
    """
    family = family_of(host)
    if family is None:
        return ""
    there = (install for install in family.installs if install.split()[0] in host.tools)
    install = next(there, family.installs[0])
    packages = sorted({family.package(command) for command in commands})
    sources = sorted({family.sources[name] for name in packages if name in family.sources})
    command = f"`{install} {' '.join(packages)}`"
    return f"{command}, see {' and '.join(sources)}" if sources else command

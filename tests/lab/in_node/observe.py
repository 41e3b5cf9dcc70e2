"""Runs inside a node (`python3 -` on its standard input) and prints the node's state as JSON.

Only the standard library, since the node's Python is all there is. Every section maps a name to
one line of text, so that comparing two states needs no knowledge of what is in them.
"""

import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HASHED_UP_TO = 1 << 20
NOT_HASHED = ("/usr/lib/", "/usr/share/")  # bulk of the distribution: size and mtime must do
SYSCTLS = (
    "net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.netfilter.nf_conntrack_max"
    " net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables"
    " vm.overcommit_memory vm.panic_on_oom vm.swappiness vm.max_map_count"
    " kernel.panic kernel.panic_on_oops fs.inotify.max_user_watches fs.inotify.max_user_instances"
)


def files(skip: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Type, mode, owner, size, mtime and content of everything below "/" but `skip`."""
    waiting = ["/"]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, PermissionError):
            continue
        for entry in entries:
            if entry.path in skip:
                continue
            try:
                yield entry.path, describe(entry)
            except FileNotFoundError:
                continue  # gone between the listing and now
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)


def describe(entry: "os.DirEntry[str]") -> str:
    at = entry.stat(follow_symlinks=False)
    line = f"{stat.filemode(at.st_mode)} {at.st_uid}:{at.st_gid} mtime={at.st_mtime_ns}"
    if stat.S_ISLNK(at.st_mode):
        return f"{line} -> {Path(entry.path).readlink()}"
    if not stat.S_ISREG(at.st_mode):
        return line
    line = f"{line} size={at.st_size}"
    if at.st_size > HASHED_UP_TO or entry.path.startswith(NOT_HASHED):
        return line
    return f"{line} sha256={hashlib.sha256(Path(entry.path).read_bytes()).hexdigest()}"


def command(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout


def packages() -> dict[str, str]:
    rows = command(
        "dpkg-query", "--show", "--showformat=${Package} ${db:Status-Abbrev}${Version}\n"
    )
    return dict(row.split(" ", 1) for row in rows.splitlines())


def units() -> dict[str, str]:
    """Unit files and whether they start by themselves."""
    rows = command("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain")
    return {row.split()[0]: row.split()[1] for row in rows.splitlines() if row.strip()}


def active() -> dict[str, str]:
    """Services as they run now, without those of login sessions."""
    rows = command("systemctl", "list-units", "--type=service", "--no-legend", "--plain")
    found = {row.split()[0]: " ".join(row.split()[2:4]) for row in rows.splitlines()}
    return {unit: state for unit, state in found.items() if not unit.startswith("user")}


def mounts() -> dict[str, str]:
    rows = [row.split() for row in Path("/proc/self/mounts").read_text().splitlines()]
    return {row[1]: " ".join((row[0], row[2], row[3])) for row in rows}


def links() -> dict[str, str]:
    """Network interfaces, their addresses, and the routes."""
    found = {}
    for link in json.loads(command("ip", "-json", "address") or "[]"):
        addresses = sorted(f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"])
        flags = ",".join(sorted(link["flags"]))
        found[link["ifname"]] = " ".join([flags, link.get("address", ""), *addresses])
    for row in command("ip", "route", "show", "table", "all").splitlines():
        found[f"route {row.strip()}"] = "present"
    return found


def rules() -> dict[str, str]:
    """Firewall rules of both kinds, without counters."""
    text = command("nft", "--stateless", "list", "ruleset")
    for legacy in ("iptables-legacy-save", "ip6tables-legacy-save"):
        text += "".join(f"{legacy} {r}\n" for r in command(legacy).splitlines() if r[:1] != "#")
    return {f"{number:05}": row for number, row in enumerate(text.splitlines())}


def processes() -> dict[str, str]:
    """Every process but this one and those which carried it here."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            argv = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # one without arguments is about to be something else, or has just ended
        if argv and int(folder.name) != os.getpid() and "nsenter" not in argv:
            found[folder.name] = f"started={after_name[19]} {argv.strip()}"
    return found


def sysctls() -> dict[str, str]:
    paths = {name: Path("/proc/sys", name.replace(".", "/")) for name in SYSCTLS.split()}
    return {name: path.read_text().strip() for name, path in paths.items() if path.exists()}


def main() -> None:
    state = {
        "files": dict(files(tuple(sys.argv[1:]))),
        "packages": packages(),
        "units": units(),
        "active": active(),
        "mounts": mounts(),
        "links": links(),
        "rules": rules(),
        "processes": processes(),
        "sysctls": sysctls(),
    }
    json.dump(state, sys.stdout)


main()

"""The arguments of the command line: every command and its flags, as an argparse parser."""

import argparse
from pathlib import Path

from kbootstrap import argument_values as argument

INVENTORY = "inventory.yaml"
INVENTORY_VARIABLE = "KBOOTSTRAP_INVENTORY"
EXITS = """exit status: 0 done; 2 usage or inventory; 3 nothing to do and 4 changes pending
(both only with --exit-code); 5 node unreachable; 6 a phase failed; 7 refused; 8 a key,
hash or checksum does not match; 9 the live cluster differs from the inventory; 10 a certificate
has expired or expires soon (certs); 70 a bug; 130 interrupted. See docs/errors.md."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="kbootstrap",
        description="Makes a Kubernetes cluster from a file of nodes, over SSH.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    _cluster_verbs(verbs)
    _file_verbs(verbs)
    return top


Verbs = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


def _cluster_verbs(verbs: "Verbs[argparse.ArgumentParser]") -> None:
    run, flags = _run_flags(), _common_flags()
    up = verbs.add_parser("up", parents=[flags, run], help="make the cluster, or resume making it")
    up.add_argument("inventory", nargs="?", type=Path, metavar="INVENTORY")
    up.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    words = "carry out exactly the plan that `plan --save` wrote to this file, or refuse"
    up.add_argument("--plan", type=Path, metavar="FILE", help=words)
    plan = verbs.add_parser("plan", parents=[flags, run], help="the same as up --dry-run")
    plan.add_argument("inventory", nargs="?", type=Path, metavar="INVENTORY")
    words = "also show how each file changes, as a unified diff"
    plan.add_argument("--diff", action="store_true", help=words)
    plan.add_argument("--save", type=Path, metavar="FILE", help="write it to this file, 0600")
    words = "manage the cluster with the CA `cluster.ca_hash`, which kbootstrap did not make"
    for command in (up, plan):
        _limit(command)
        _all_or_nothing(command)
        command.add_argument("--adopt", action="store_true", help=words)
    _import(verbs)
    join = verbs.add_parser("join", parents=[flags, run], help="join nodes; change no others")
    join.add_argument("nodes", nargs="+", metavar="NODE")
    join.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    _replace(verbs, flags)
    reset = verbs.add_parser("reset", parents=[flags], help="remove nodes, or the whole cluster")
    reset.add_argument("nodes", nargs="*", metavar="NODE")
    reset.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    _limit(reset)
    _reset_flags(reset)
    _upgrade(verbs, flags)
    _etcd_verbs(verbs, flags)
    _limit(verbs.add_parser("status", parents=[flags], help="the state of nodes and API"))
    _certs(verbs, flags)
    verbs.add_parser("unlock", parents=[flags], help="show who holds the lock, and free it")
    config = verbs.add_parser("kubeconfig", parents=[flags], help="print the admin kubeconfig")
    config.add_argument("--write", type=Path, metavar="FILE", help="write it to this file, 0600")


def _import(verbs: "Verbs[argparse.ArgumentParser]") -> None:
    words = "print the inventory of a cluster that exists; changes nothing"
    command = verbs.add_parser("import", help=words)
    add = command.add_argument
    words = "a control plane that kubeadm made"
    add("--from", dest="source", required=True, metavar="[USER@]HOST[:PORT]", help=words)
    add("--key", type=Path, metavar="FILE", help="the private key to log in with")
    add("--become", action="store_true", help="become root with sudo, which must ask nothing")
    _report_flags(command)


def _limit(command: argparse.ArgumentParser) -> None:
    """For commands that are about all nodes, unless it is given."""
    words = "only these nodes"
    command.add_argument("--limit", action="append", default=[], metavar="NODE|ROLE", help=words)


def _all_or_nothing(command: argparse.ArgumentParser) -> None:
    words = "stop if a worker does not answer, instead of leaving it out"
    command.add_argument("--all-or-nothing", action="store_true", help=words)


def _replace(verbs: "Verbs[argparse.ArgumentParser]", flags: argparse.ArgumentParser) -> None:
    words = "take a node out, and join the host that the inventory now has under its name"
    command = verbs.add_parser("replace", parents=[flags], help=words)
    command.add_argument("nodes", nargs=1, metavar="NODE")
    command.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    words = "3: nothing to do, 4: changes pending"
    command.add_argument("--exit-code", action="store_true", help=words)
    _drain_flags(command)


def _drain_flags(command: argparse.ArgumentParser) -> None:
    words = "also delete pods that no controller recreates"
    command.add_argument("--force-drain", action="store_true", help=words)
    words = "also delete the data of pods in emptyDir volumes"
    command.add_argument("--delete-emptydir-data", action="store_true", help=words)


def _reset_flags(reset: argparse.ArgumentParser) -> None:
    _drain_flags(reset)
    for name, words in (
        ("--restore-host", "also restore running values: sysctls, modules, swap"),
        ("--unreachable", "the node is lost: remove its member and Node object only"),
        ("--without-api", "the cluster is lost: clean the node without its API"),
        ("--wipe-external-etcd", "with the whole cluster: also its keys in `etcd.external`"),
        ("--destroy-cluster", "with --yes: allow the loss of the cluster or its quorum"),
    ):
        reset.add_argument(name, action="store_true", help=words)


def _etcd_verbs(verbs: "Verbs[argparse.ArgumentParser]", flags: argparse.ArgumentParser) -> None:
    etcd = verbs.add_parser("etcd", help="take or restore a snapshot of etcd")
    subs = etcd.add_subparsers(dest="sub", metavar="WHAT", required=True)
    take = subs.add_parser("snapshot", parents=[flags], help="take a snapshot and download it")
    take.add_argument(
        "--to", type=Path, metavar="FILE", help="the local file; default CLUSTER-etcd-TIME.db"
    )
    take.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    back = subs.add_parser("restore", parents=[flags], help="restore etcd from a snapshot")
    back.add_argument("file", type=Path, metavar="FILE")
    back.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")


class _SubThenNodes(argparse.Action):
    """``[renew | rotate-ca] [NODE...]``, which subparsers cannot express."""

    def __call__(
        self, _: object, namespace: argparse.Namespace, values: object, __: object = None
    ) -> None:
        """The first argument may be the name of a part of the command."""
        given = list(values) if isinstance(values, list) else []
        namespace.sub = given[0] if given[:1] in (["renew"], ["rotate-ca"]) else ""
        namespace.nodes = given[1:] if namespace.sub else given


def _certs(verbs: "Verbs[argparse.ArgumentParser]", flags: argparse.ArgumentParser) -> None:
    words = "list or renew certificates, or replace the CAs"
    certs = verbs.add_parser("certs", parents=[flags], help=words)
    _limit(certs)
    which = "renew: renew those of kubeadm; rotate-ca: replace the CAs; NODE: of these nodes only"
    certs.add_argument(
        "nodes", nargs="*", action=_SubThenNodes, metavar="renew | rotate-ca | NODE", help=which
    )
    words = "exit with 10 if a certificate expires within this time (30d); renew: only those"
    certs.add_argument("--within", type=argument.seconds, metavar="TIME", help=words)
    certs.add_argument("--dry-run", action="store_true", help="only print the plan")
    certs.add_argument("--exit-code", action="store_true", help="3: nothing to do, 4: changes")


def _upgrade(verbs: "Verbs[argparse.ArgumentParser]", flags: argparse.ArgumentParser) -> None:
    upgrade = verbs.add_parser(
        "upgrade", parents=[flags], help="upgrade to another Kubernetes version"
    )
    _limit(upgrade)
    _releases(upgrade)
    add = upgrade.add_argument
    add("--dry-run", action="store_true", help="print the plan and change nothing")
    add("--exit-code", action="store_true", help="3: nothing to do, 4: changes pending")
    which = upgrade.add_mutually_exclusive_group()
    for flag, role in (("--control-plane-only", "control-plane"), ("--workers-only", "worker")):
        which.add_argument(
            flag, dest="only", action="store_const", const=role, default="", help=f"{role}s only"
        )
    add(
        "--max-unavailable",
        type=argument.batch,
        default="10%",
        metavar="N|N%",
        help="unavailable workers at once (10%%, rounded up); the first one is upgraded alone",
    )
    _all_or_nothing(upgrade)
    add("--no-drain", action="store_true", help="do not drain nodes")
    add("--force-drain", action="store_true", help="also delete pods that no controller recreates")
    add("--delete-emptydir-data", action="store_true", help="also delete data in emptyDir volumes")
    add(
        "--programs",
        type=Path,
        metavar="DIRECTORY",
        help="the new binaries, instead of `programs` in the inventory; {version} is replaced",
    )


def _releases(upgrade: argparse.ArgumentParser) -> None:
    add = upgrade.add_argument
    add(
        "--to",
        dest="version",
        required=True,
        type=argument.version,
        metavar="VERSION",
        help="v1.35.1",
    )
    add(
        "--via",
        action="append",
        default=[],
        type=argument.version,
        metavar="VERSION",
        help="the release of a minor in between; default: the newest one that is available",
    )


def _file_verbs(verbs: "Verbs[argparse.ArgumentParser]") -> None:
    flags = _common_flags()
    check = verbs.add_parser("validate", parents=[flags], help="check an inventory, offline")
    check.add_argument("inventory", nargs="?", type=Path, metavar="INVENTORY")
    pin = verbs.add_parser("pin", parents=[flags], help="record the sha256 of every download")
    pin.add_argument("inventory", nargs="?", type=Path, metavar="INVENTORY")
    _limit(pin)
    pin.add_argument(
        "--to",
        dest="version",
        default=argparse.SUPPRESS,
        type=argument.version,
        metavar="VERSION",
        help="add what an upgrade to this release downloads",
    )
    pin.add_argument(
        "--arch",
        action="append",
        default=[],
        choices=("amd64", "arm64"),
        help="of the nodes; default: ask them",
    )
    words = "do not verify the signatures of the release with cosign"
    pin.add_argument("--no-signatures", action="store_true", help=words)
    render = verbs.add_parser(
        "render", parents=[flags], help="print every file that up would write"
    )
    render.add_argument("inventory", nargs="?", type=Path, metavar="INVENTORY")
    render.add_argument("nodes", nargs="*", metavar="NODE")
    render.add_argument("--to", type=Path, metavar="DIRECTORY", help="write them there")
    phases = verbs.add_parser("phases", help="list the phases, or draw their order")
    phases.add_argument("--graph", action="store_true", help="as a Mermaid graph")
    verbs.add_parser("schema", help="JSON Schema of the inventory, for editors")
    init = verbs.add_parser("init", help="write a commented starter inventory")
    init.add_argument("layout", choices=("single", "ha", "external-etcd", "airgap"))
    init.add_argument("--to", type=Path, default=Path(INVENTORY), metavar="FILE")
    verbs.add_parser("version", help="print the version")
    shell = verbs.add_parser("completion", help="print a completion script")
    shell.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def _common_flags() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(add_help=False)
    add = flags.add_argument
    add(
        "-i",
        "--inventory",
        dest="inventory_flag",
        type=Path,
        metavar="FILE",
        help=f"the inventory; default ${INVENTORY_VARIABLE} or ./{INVENTORY}",
    )
    add("--forks", type=argument.count, default=64, metavar="N", help="nodes in parallel (64)")
    add("--yes", action="store_true", help="do not ask for confirmations")
    _report_flags(flags)
    return flags


def _report_flags(command: argparse.ArgumentParser) -> None:
    """What every command that contacts nodes has."""
    add = command.add_argument
    add("--output", choices=("text", "json"), default="text", help="json: one event per line")
    add("-v", "--verbose", action="count", default=0, help="reasons and figures; -vv: output too")
    add("--log-file", type=Path, metavar="FILE", help="write everything to this file, with details")
    add("--known-hosts", type=Path, metavar="FILE", help="instead of ~/.ssh/known_hosts")
    add(
        "--accept-new-host-keys",
        dest="accept_new",
        action="store_true",
        help="record the keys of unknown hosts; a changed key is still refused",
    )


def _run_flags() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(add_help=False)
    add = flags.add_argument
    add("--exit-code", action="store_true", help="3: nothing to do, 4: changes pending")
    add("--phase", default="", metavar="PHASE", help="only this phase")
    add("--from", dest="from_phase", default="", metavar="PHASE", help="from this phase on")
    add("--until", dest="until_phase", default="", metavar="PHASE", help="up to this phase")
    add("--kubeconfig", type=Path, metavar="FILE", help="where to write it")
    return flags

"""kubeadm upgrade plan, apply, node."""

from __future__ import annotations

from tests.standin.common.flags import Flags, Spec, parse
from tests.standin.common.klog import FatalError

from .flags import GLOBAL, mixed
from .phase import Runner
from .upgrades import plan
from .upgrades.data import Data, load_data
from .upgrades.phases import APPLY, NODE

SPEC = Spec(
    GLOBAL + " allow-experimental-upgrades? allow-missing-template-keys?"
    " allow-release-candidate-upgrades? certificate-renewal? config dry-run? etcd-upgrade? force?"
    " ignore-preflight-errors* kubeconfig output patches show-managed-fields?"
    " skip-phases* yes? feature-gates",
    "f=force y=yes o=output v=v h=help",
)


def main(argv: list[str]) -> None:
    """The second word decides."""
    flags = parse(argv, SPEC)
    words = flags.args
    if not words:
        raise FatalError("\nerror: subcommand is required")
    if words[0] not in COMMANDS:
        raise FatalError(f'unknown command "{words[0]}" for "kubeadm upgrade"')
    mixed(flags)
    COMMANDS[words[0]](flags, words[1:])


def _plan(flags: Flags, words: list[str]) -> None:
    plan.run(load_data(flags, "plan"), words[0] if words else "")


def _apply(flags: Flags, words: list[str]) -> None:
    runner = Runner("upgrade apply", APPLY)
    single = words[1:] if words[:1] == ["phase"] else []
    if not words and not flags.get("config"):
        raise FatalError("missing one or more required arguments. Required arguments: [version]")
    data = load_data(flags, "apply")
    version = "" if single else (words[0] if words else data.section.get("kubernetesVersion") or "")
    if not version and not single:
        raise FatalError("missing one or more required arguments. Required arguments: [version]")
    if version:
        data.config.cluster["kubernetesVersion"] = version
    if single:
        runner.single(single, data)
        return
    if not runner.all(data, data.skip, dry=flags.yes("dry-run")):
        return
    print()
    print(
        "[upgrade] SUCCESS! A control plane node of your cluster was upgraded to"
        f' "{data.config.cluster["kubernetesVersion"]}".\n'
    )
    print(
        "[upgrade] Now please proceed with upgrading the rest of the nodes by following the"
        " right order."
    )


def _node(flags: Flags, words: list[str]) -> None:
    runner: Runner[Data] = Runner("upgrade node", NODE)
    data = load_data(flags, "node")
    if words[:1] == ["phase"]:
        runner.single(words[1:], data)
        return
    runner.all(data, data.skip, dry=flags.yes("dry-run"))


COMMANDS = {"plan": _plan, "apply": _apply, "node": _node}

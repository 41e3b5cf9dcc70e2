"""kubeadm token create, list, delete, generate."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from tests.standin.common import kube
from tests.standin.common.flags import Flags, Spec, parse
from tests.standin.common.klog import FatalError
from tests.standin.common.kube import KubeError

from . import admin, tokens
from .config import defaults, load, strict, validate
from .flags import GLOBAL, mixed
from .joinline import command

SPEC = Spec(
    GLOBAL + " kubeconfig dry-run? certificate-key config description groups* print-join-command?"
    " ttl usages* output allow-missing-template-keys? show-managed-fields?",
    "o=output v=v h=help",
)


def main(argv: list[str]) -> None:
    """The second word decides."""
    flags = parse(argv, SPEC)
    if not flags.args:
        raise FatalError("\nerror: subcommand is required")
    if flags.args[0] not in COMMANDS:
        raise FatalError(f'unknown command "{flags.args[0]}" for "kubeadm token"')
    COMMANDS[flags.args[0]](flags)


def _generate(_flags: Flags) -> None:
    print(defaults.new_token())


def _create(flags: Flags) -> None:
    mixed(flags)
    ttl = flags.get("ttl", "24h0m0s")
    try:
        strict.check_duration(ttl)
    except strict.Mismatch as err:
        raise FatalError(f'invalid argument "{ttl}" for "--ttl" flag: {err}') from err
    if len(flags.args) > 1:
        _check(flags.args[1])
    conf = _conf(flags)
    api = admin.load(conf)
    key = flags.get("certificate-key")
    if key and not flags.yes("print-join-command"):
        raise FatalError("cannot use --certificate-key without --print-join-command")
    token = flags.args[1] if len(flags.args) > 1 else defaults.new_token()
    given = {
        "token": token,
        "description": flags.get("description"),
        "ttl": ttl,
        "usages": flags.several("usages") or ["signing", "authentication"],
        "groups": flags.several("groups") or ["system:bootstrappers:kubeadm:default-node-token"],
    }
    load.raise_errors(validate.bootstrap_tokens([given]))
    token_id = token.split(".")[0]
    if api.find(kube.path("secrets", tokens.SYSTEM, tokens.secret_name(token_id))):
        raise FatalError(f'a token with id "{token_id}" already exists')
    tokens.create(api, given)
    if flags.yes("print-join-command"):
        print(command(conf, token, key, plane=bool(key), one_line=True))
    else:
        print(token)


def _conf(flags: Flags) -> Path:
    """--kubeconfig, admin.conf, $KUBECONFIG or the user's own."""
    if flags.get("kubeconfig"):
        return Path(flags.get("kubeconfig"))
    if admin.ADMIN.exists():
        return admin.ADMIN
    return Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube/config")


def _check(token: str) -> None:
    if not re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", token):
        raise FatalError(
            f'the bootstrap token "{token}" was not of the form'
            r' "\\A([a-z0-9]{6})\\.([a-z0-9]{16})\\z"'
        )


def _list(flags: Flags) -> None:
    found = tokens.all_of(admin.load(_conf(flags)))
    if flags.get("output") == "json":
        for token in found:
            print(json.dumps(token, indent=4))
        return
    if not found:
        return
    titles = ("TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS")
    rows = [titles] + [
        (
            t["token"],
            "<forever>" if not t.get("expires") else "23h",
            t.get("expires", "<never>"),
            ",".join(t.get("usages", [])) or "<none>",
            t.get("description", "<none>"),
            ",".join(t.get("groups", [])) or "<none>",
        )
        for t in found
    ]
    widths = [max(len(r[i]) for r in rows) + 3 for i in range(len(titles))]
    for row in rows:
        print("".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())


def _delete(flags: Flags) -> None:
    if len(flags.args) < 2:
        raise FatalError(
            "missing argument; 'token delete' is missing token of form"
            r' "\\A([a-z0-9]{6})\\.([a-z0-9]{16})\\z" or "\\A([a-z0-9]{6})\\z"'
        )
    api = admin.load(_conf(flags))
    for given in flags.args[1:]:
        token_id = given.split(".")[0]
        if not re.fullmatch(r"[a-z0-9]{6}", token_id):
            raise FatalError(
                f'given token or token id "{given}" didn\'t match pattern'
                f' "\\\\A([a-z0-9]{{6}})\\\\z" or'
                ' "\\\\A([a-z0-9]{6})\\\\.([a-z0-9]{16})\\\\z"'
            )
        try:
            api.delete(kube.path("secrets", tokens.SYSTEM, tokens.secret_name(token_id)))
        except KubeError as err:
            raise FatalError(f'failed to delete bootstrap token "{token_id}": {err}') from err
        print(f'bootstrap token "{token_id}" deleted')


COMMANDS = {"create": _create, "list": _list, "delete": _delete, "generate": _generate}

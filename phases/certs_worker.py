"""Gives the kubelet of a worker a client certificate, if its own has expired.

The kubelet renews it by itself until then. Afterwards it requests another one with the token of
bootstrap-kubelet.conf, as in a join (pkg/kubelet/certificate/bootstrap): its key is made on the
node and stays there.
"""

from collections.abc import Iterator
from typing import Any

from kbootstrap.action import (
    Action,
    DeleteTokens,
    Effects,
    MakeToken,
    PutTemplate,
    Remove,
    Risk,
    Run,
)
from kbootstrap.engine.phase import Phase, View, Wait
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.node_paths import RUNTIME_DIR
from kbootstrap.render import render
from phases import certificates
from phases.certificates import KUBELET_CLIENT, Facts
from phases.certs_renew import has_expired, without

TOKEN = f"{RUNTIME_DIR}/kubelet-token"


def plan(view: View[Facts]) -> Iterator[Action]:
    """Nothing while the certificate is valid."""
    if has_expired(view, KUBELET_CLIENT):
        yield from request(
            view,
            why="it has expired, so the kubelet cannot renew it",
            effect={"certificate": without(view.facts.certificate, {KUBELET_CLIENT})},
        )


def request(view: View[Any], *, why: str, effect: Effects, valid: bool = False) -> Iterator[Action]:
    """Have the kubelet request a certificate; ``valid``: also if it has one that is valid."""
    name = view.node.name
    yield MakeToken(why="the kubelet logs in with it", node=name, ttl=view.cluster.token_ttl)
    yield PutTemplate(
        why="the kubelet's bootstrap configuration is made from it; on a tmpfs",
        path=TOKEN,
        body="@@token@@\n",
        needs=("token",),
    )
    yield Run(
        why=why,
        title="restart the kubelet with a bootstrap configuration, until it has a client"
        " certificate",
        body=render(
            "certificates/bootstrap.sh.j2",
            current=KUBELET_CLIENT,
            token=TOKEN,
            valid=valid,
            seconds=view.cluster.kubeadm.timeouts.tls_bootstrap,
        ),
        risk=Risk.RESTART,
        effect=effect,
    )
    yield Remove(why="it holds the token", path=TOKEN, always=True)
    yield DeleteTokens(why="a token is for one certificate", node=name, always=True)


def _on_workers(cluster: Cluster, node: Node) -> bool:
    del cluster
    return not node.is_control_plane


PHASE = Phase(
    id="certs-worker",
    title="Certificate of a kubelet",
    facts=Facts,
    probe=certificates.every_probe,
    plan=plan,
    on=_on_workers,
    waits=(("certs-ready", Wait.CONTROL_PLANES),),
    recorded=False,
)

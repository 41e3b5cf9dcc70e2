"""Writes the admin kubeconfig beside the inventory; again, if its certificate was renewed."""

from collections.abc import Iterator

from kbootstrap.action import Action, WriteKubeconfig
from kbootstrap.drift import endpoint
from kbootstrap.engine.phase import NoFacts, Phase, View, Wait, on_first
from phases import certs_renew


def plan(view: View[NoFacts]) -> Iterator[Action]:
    """Write it if one of `_reasons` holds."""
    path, reasons = view.inputs.kubeconfig, [*_reasons(view)]
    if path and reasons:
        yield WriteKubeconfig(why=reasons[0], path=path)


def _reasons(view: View[NoFacts]) -> Iterator[str]:
    local = view.local
    if not view.ca or local.kubeconfig_ca != view.ca:
        yield "there is none of this cluster"
    if 0 < local.kubeconfig_ends <= view.now:
        yield "its certificate has expired"
    if local.kubeconfig_server in endpoint.left(view.cluster, view.api):
        yield "it names another endpoint"


def plan_renewed(view: View[NoFacts]) -> Iterator[Action]:
    """Write it if it is there and its certificate is due, as that of admin.conf was."""
    path, ends = view.inputs.kubeconfig, view.local.kubeconfig_ends
    if path and ends and certs_renew.expires(view, ends):
        yield WriteKubeconfig(why="its certificate is renewed", path=path)


PHASE = Phase(
    id="kubeconfig",
    title="Kubeconfig for the operator",
    facts=NoFacts,
    plan=plan,
    on=on_first,
    api=True,
)

RENEWED = Phase(
    id="certs-kubeconfig",
    title="Kubeconfig for the operator, with another certificate",
    facts=NoFacts,
    plan=plan_renewed,
    on=on_first,
    waits=(("certs-ready", Wait.CONTROL_PLANES),),
)

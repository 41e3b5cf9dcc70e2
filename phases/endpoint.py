"""Moves the endpoint of the API in the cluster's own objects; phase `endpoint-files` follows.

Every API server has the new name in its certificate by then (phase `control-plane`), and nothing
is changed unless the new endpoint answers. Each object is judged by what is live, so that an
interrupted move continues. The cluster leaves no endpoint that is not on record.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kbootstrap.action import Action, RecordEndpoints, Risk, Run, SetClusterInfo, SetProxyEndpoint
from kbootstrap.drift import endpoint
from kbootstrap.engine.phase import Phase, View, Wait, forward, on_first
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.document import Document
from kbootstrap.model.observed import KUBE_PROXY, LAST_APPLIED
from kbootstrap.render import render
from phases.control_plane_config import whole

_ROLLOUT, _EACH = 600, 30  # seconds: of the whole rollout, and more for each node


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What templates/endpoint/named.sh.j2 prints.

    Attributes:
        named: the endpoint answers by its own name; only asked while admin.conf has another.

    """

    named: bool = False


def url(cluster: Cluster) -> str:
    """The endpoint as a kubeconfig names it."""
    return f"https://{cluster.api.endpoint}"


def probe(cluster: Cluster, node: Node) -> str:
    """Read-only; up to 5 s if the endpoint does not answer."""
    del node
    return render("endpoint/named.sh.j2", server=url(cluster))


def plan(view: View[Facts]) -> Iterator[Action]:
    """Change what names another endpoint, if this run is about every control plane."""
    if not (view.api.kubeadm_config and whole(view)):
        return
    changes, through = tuple(_changes(view)), view.control_plane
    if changes and not view.facts.named:
        yield Run(
            why="nothing is switched to an endpoint that does not answer",
            title=f"check that {view.cluster.api.endpoint} answers by its name"
            " with the cluster's CA",
            body=render("endpoint/check.sh.j2", server=url(view.cluster)),
            host="" if through == view.node.name else through,  # the first may join again
            effect={"named": True},
        )
    yield from changes


def _changes(view: View[Facts]) -> Iterator[Action]:
    for decide in (_record, _cluster_info, _kube_proxy):
        for action in tuple(decide(view)):
            yield action
            view = forward(view, (action,))


def _record(view: View[Facts]) -> Iterator[Action]:
    api = view.api
    known = endpoint.recorded(api)
    left = endpoint.left(view.cluster, api)
    if not known.issuperset(left):
        endpoints = tuple(sorted({*known, *left}))
        after = {
            "last_applied": endpoint.with_record(api, endpoints),
            "config_maps": api.config_maps | {LAST_APPLIED},
        }
        yield RecordEndpoints(
            why="what still names one of them is found later",
            endpoints=endpoints,
            effect={"api": after},
        )


def _cluster_info(view: View[Facts]) -> Iterator[Action]:
    wanted = view.cluster.api.endpoint
    if view.api.cluster_info not in {"", wanted}:
        yield SetClusterInfo(
            why=f"it names {view.api.cluster_info}",
            endpoint=wanted,
            effect={"api": {"cluster_info": wanted}},
        )


def _kube_proxy(view: View[Facts]) -> Iterator[Action]:
    api, wanted = view.api, view.cluster.api.endpoint
    if KUBE_PROXY not in api.workloads:
        return
    other = api.proxy_server in endpoint.left(view.cluster, api)
    record = {k: v for k, v in api.last_applied.data.items() if k != endpoint.RESTARTS}
    if other or endpoint.restarting(api):
        yield SetProxyEndpoint(
            why=f"it names {api.proxy_server}" if other else "its pods have not all restarted",
            endpoint=wanted,
            seconds=_ROLLOUT + _EACH * len(view.cluster.nodes),
            risk=Risk.RESTART,
            effect={"api": {"proxy_server": wanted, "last_applied": Document.of(record)}},
        )


PHASE = Phase(
    id="endpoint",
    title="Endpoint of the API",
    facts=Facts,
    probe=probe,
    plan=plan,
    on=on_first,
    waits=(("control-plane", Wait.CONTROL_PLANES),),
    api=True,
)

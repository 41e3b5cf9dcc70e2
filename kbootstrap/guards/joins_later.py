"""The plan of a join before the old node of that name has left; for a host that is clean."""

from dataclasses import replace
from typing import Any

from kbootstrap.engine.phase import AnyPhase, View
from kbootstrap.engine.plan import Plan
from kbootstrap.engine.planner import make_plan, verdicts
from kbootstrap.guards.interrupted import READ
from kbootstrap.model.cluster import Node
from kbootstrap.model.etcd import node_of
from kbootstrap.remote.kube import Asks
from kbootstrap.run.control_plane import find_control_plane
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from phases import workflows


def joins_later(run: Run, report: Report, node: Node) -> Plan:
    """What `join` will plan on this host; changes nothing.

    Args:
        run: in which the node is about to leave.
        report: of the command.
        node: as the inventory has it.

    Raises:
        KbError: the host is not fit for the join.

    """
    options, every = replace(run.options, verb="join"), workflows.up(run.cluster)
    asks = Asks(own_pods=True, endpoint=True)
    with Run(options, run.cluster, (*READ, *every), run.bus, asks=asks) as later:
        later.probe((node,))
        find_control_plane(later, (node,))
        later.inputs = run.inputs

        def views(phase: AnyPhase, at: Node) -> View[Any]:
            return without(later.view(phase, at), node)

        report.stop_on(verdicts(run.cluster, every, (node,), views))
        return make_plan(run.cluster, every, (node,), views)


def without(view: View[Any], node: Node) -> View[Any]:
    """The view once the cluster has no node of this name."""
    api = view.api
    members = tuple(m for m in api.etcd or () if node_of(m, view.cluster) != node)
    left = replace(
        api,
        nodes=tuple(one for one in api.nodes if one.name != node.name),
        own_pods=tuple(pod for pod in api.own_pods if pod.node != node.name),
        static_pods=tuple(pod for pod in api.static_pods if pod.node != node.name),
        etcd=None if api.etcd is None else members,
    )
    return replace(view, api=left)

"""``status``: one line per node, from probes and the API; changes nothing, waits for nothing."""

from kbootstrap.console.status_table import StatusTable
from kbootstrap.errors import ExitCode
from kbootstrap.guards.certificates import ended, note
from kbootstrap.guards.differences import exit_status
from kbootstrap.guards.unscheduled import note_unscheduled
from kbootstrap.model.etcd import strays
from kbootstrap.model.load import load
from kbootstrap.options import RunOptions
from kbootstrap.remote.kube import Asks
from kbootstrap.run import live_state
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.selection import limited
from phases import certificates, workflows


def status(options: RunOptions, report: Report) -> ExitCode:
    """What is, what is still to do, and what each node's record says was done last."""
    cluster = load(options.inventory)
    nodes = limited(cluster, options.limit)
    asks = Asks(own_pods=True, endpoint=True)
    run = Run(options, cluster, (certificates.PHASE, *workflows.up(cluster)), report.bus, asks=asks)
    with run, report.ending_with(run.connections.meter):
        run.probe(nodes)
        observed, api_error = live_state.observe(run, nodes)
        members, etcd_error = live_state.members(run, observed)
        locks = [one for one in run.lock.found(lease=observed.reachable) if one[1].held]
        run.read_inputs(None)
        table = StatusTable(cluster, observed, run.probes)
        to_do = live_state.to_do(run, nodes) if api_error is None else {}
        rows = [table.row(node, to_do.get(node.name, "")) for node in nodes]
        left = live_state.differences(run, nodes) if api_error is None else ()
    report.status(table.head, rows)
    report.differences(left)
    for member, why in strays(members, cluster, {node.name for node in observed.nodes}):
        report.member(member.label, why)
    for place, state in locks:
        report.holder(place.name, state)
    report.leftovers(observed, "of a running command, or left by a killed one")
    note(run, near=True)
    note_unscheduled(run, observed)
    unread = (error.finding for error in (api_error, etcd_error) if error)
    found = [*(error.finding for error in run.errors), *ended(run), *unread]
    report.findings(found)
    return found[0].exit_code if found else exit_status(ExitCode.DONE, left)

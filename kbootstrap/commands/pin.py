"""``pin``: record the sha256 of every download beside the inventory, for review."""

from kbootstrap.atomic_file import write_private
from kbootstrap.console.formatting import count
from kbootstrap.errors import ExitCode
from kbootstrap.model import pins
from kbootstrap.model.cluster import Cluster
from kbootstrap.model.load import load, load_at
from kbootstrap.model.versions import Version
from kbootstrap.options import RunOptions
from kbootstrap.run import pinning, signatures
from kbootstrap.run.report import Report
from kbootstrap.run.run import Run
from kbootstrap.run.selection import limited
from phases import identity


def pin(options: RunOptions, report: Report) -> ExitCode:
    """Download everything once, and write the pins file; with ``--to`` add to it."""
    path = pins.pins_path(options.inventory)
    if options.version:
        cluster = load_at(options.inventory, Version.parse(options.version))
    else:
        cluster = load(options.inventory)
    before = cluster.pins or ()
    found = {one.url: one for one in before if options.version}
    verify = bool(signatures.cosign()) and not options.no_signatures
    if not (verify or options.no_signatures):
        report.note("cosign is not installed: the signatures of the release are not verified")
    arches = options.arch or _architectures(options, report, cluster)
    for one in pinning.resolve(cluster, arches, verify=verify, note=report.note):
        found[one.url] = one
    lines = list(pinning.changes(before, found.values()))
    for line in lines:
        report.note(line)
    write_private(path, pins.text(found.values()))
    review = "; review it and put it into version control" if lines else "; nothing changed"
    report.line(f"wrote {path}: {count(len(found), 'download')}{review}")
    return ExitCode.DONE


def _architectures(options: RunOptions, report: Report, cluster: Cluster) -> list[str]:
    """Those of the nodes, or of those of ``--limit``."""
    with Run(options, cluster, (identity.PHASE,), report.bus) as run:
        run.probe(limited(cluster, options.limit))
        report.stop_on(error.finding for error in run.errors)
        return run.arches

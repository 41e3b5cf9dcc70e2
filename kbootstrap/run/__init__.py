"""What a run is: connect, probe, plan, lock, apply, report, each once and in that order.

The commands (`kbootstrap.commands`) call `run.Run` and `report.Report`; docs/architecture.md
shows the way.
"""

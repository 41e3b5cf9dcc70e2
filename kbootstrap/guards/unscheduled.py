"""Names pods of kubeadm's addons that are on no node; phase `ready` waits only for those on one."""

from kbootstrap.model.observed import Observed
from kbootstrap.run.run import Run
from phases import ready


def note_unscheduled(run: Run, observed: Observed) -> None:
    """One note for each, with the reason of the scheduler."""
    for pod in ready.unscheduled(run.cluster, observed):
        run.bus.note("", ready.PHASE.id, f"{pod.pod} does not run: {pod.reason}")

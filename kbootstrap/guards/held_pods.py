"""Names the pods that a drain will refuse to evict, before anything changes."""

from kbootstrap.action import Drain
from kbootstrap.engine.plan import Plan
from kbootstrap.remote.drain import is_allowed
from kbootstrap.run.run import Run


def report_held_pods(run: Run, plan: Plan) -> None:
    """One note for each pod that stops a drain of the plan."""
    drains = [(s, a) for s in plan.changes for a in s.actions if isinstance(a, Drain)]
    api = run.api_connection.api() if drains else None
    if api is None:
        return
    held = api.held_pods()
    for step, action in drains:
        for pod in held:
            if pod.node == action.node and not is_allowed(pod, action):
                run.bus.note(step.node, step.phase.id, f"the drain will stop at pod {pod.text}")

"""The state machine: graph, plan, run. It knows nothing of any particular phase."""

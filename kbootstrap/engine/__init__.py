"""The engine: graph, plan, run. It does not depend on any particular phase."""

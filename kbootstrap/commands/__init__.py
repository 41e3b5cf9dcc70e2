"""One file per verb: load, look, plan, run. Verbs hand the engine its phases."""

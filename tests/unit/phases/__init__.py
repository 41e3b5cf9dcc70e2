"""Single phases, where what a law cannot say is tried."""

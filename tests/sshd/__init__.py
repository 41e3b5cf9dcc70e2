"""The transport against a real sshd, started here as the current user; no lab needed."""

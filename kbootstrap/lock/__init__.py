"""The lock: one run at a time works on a cluster (docs/lock.md).

`record` says what is stored, `places` where, `renewal` keeps it from ending, and `run_lock` is what
a run calls. Nothing here imports `kbootstrap.run`.
"""

"""Codes KB41x: somebody else is working on the cluster, and the next step."""

from kbootstrap.errors import Code

LOCKED = Code(
    "KB410",
    "somebody else is working on this cluster",
    "Wait until that run is done, or ask who runs it; then run the same command again. A run that "
    "died loses the lock by itself in half a minute; `kbootstrap unlock` shows the lock and frees "
    "it at once.",
)
LOCK_LOST = Code(
    "KB411",
    "the lock was taken from this run",
    "Nothing is lost: commands that were started on the nodes continue there. Wait until the other "
    "run is done (`kbootstrap status` shows it), then run the same command again.",
)
NOT_RENEWED = Code(
    "KB412",
    "this run could not renew its lock in time",
    "Another run may take the lock from now on, so this one changes nothing more; commands "
    "that were started on the nodes continue there. Restore the connection to the places named "
    "above, then run the same command again.",
)

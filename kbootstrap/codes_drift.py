"""Codes KB44x: the live cluster is not as the inventory says, and the next step."""

from kbootstrap.errors import Code

FIXED = Code(
    "KB440",
    "a setting that a live cluster cannot change",
    "Put the value that the cluster has back into the inventory, or follow the commands named "
    "above; nothing was changed.",
)
DAMAGED = Code(
    "KB441",
    "something that a finished cluster needs is missing",
    "Make it again with the command named above, or restore it from a backup; then run the same "
    "command again. kbootstrap never initialises or resets a finished node to repair it.",
)

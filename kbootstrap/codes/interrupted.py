"""KB6xx: the run was interrupted."""

from kbootstrap.errors import Code

INTERRUPTED = Code(
    "KB601",
    "interrupted",
    "Nothing is lost: commands that were started on the nodes continue there. Run the same command "
    "again.",
)

"""KB9xx: a bug in kbootstrap."""

from kbootstrap.errors import Code

BUG = Code(
    "KB900",
    "a bug in kbootstrap",
    "Please report it with the log file; running the same command again is safe.",
)

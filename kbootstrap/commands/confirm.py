"""The question before what cannot be taken back."""

import sys

from kbootstrap import codes
from kbootstrap.errors import RefusedError


def ask(what: str, wanted: str) -> None:
    """Have ``wanted`` typed.

    Raises:
        RefusedError: KB405, the answer was another one, or none (Ctrl-D), or nobody can answer.

    """
    if not sys.stdin.isatty():
        raise RefusedError(codes.NOT_CONFIRMED, f"{what}, and nobody can be asked")
    try:
        answer = input(f"{what[0].upper()}{what[1:]}. Type {wanted} to go on: ")
    except EOFError as error:
        raise RefusedError(codes.NOT_CONFIRMED, "the question was not answered") from error
    if answer.strip() != wanted:
        raise RefusedError(codes.NOT_CONFIRMED, f"{answer.strip()!r} is not {wanted!r}")

"""The values of flags on the command line, as `argparse` reads them."""

import argparse
import re


def count(text: str) -> int:
    """A number of things, at least 1.

    Raises:
        argparse.ArgumentTypeError: a smaller number.

    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def seconds(text: str) -> int:
    """A time such as ``30d``, in seconds.

    Raises:
        argparse.ArgumentTypeError: another form.

    """
    match = re.fullmatch(r"(\d{1,5})([hdw])", text)
    if match is None:
        raise argparse.ArgumentTypeError("a number of hours, days or weeks, such as 30d")
    return int(match[1]) * {"h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}[match[2]]


def version(text: str) -> str:
    """An exact release of Kubernetes, such as ``v1.35.1``.

    Raises:
        argparse.ArgumentTypeError: another form.

    """
    if not re.fullmatch(r"v1\.\d+\.\d+(-[0-9A-Za-z.]+)?", text):
        raise argparse.ArgumentTypeError("an exact version such as v1.35.1")
    return text


def batch(text: str) -> str:
    """A number of nodes, or a share of them in percent.

    Raises:
        argparse.ArgumentTypeError: another form.

    """
    if not re.fullmatch(r"[1-9]\d*|([1-9]\d?|100)%", text):
        raise argparse.ArgumentTypeError("at least 1, or 1% to 100%")
    return text

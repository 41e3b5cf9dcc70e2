"""Reads files of the operator's workstation whole, but never without an end.

Another user may be able to write beside the inventory, so that what should be a file may be a FIFO
or a link to a device.
"""

import errno
import os
import stat
from pathlib import Path

MOST_BYTES = 1024 * 1024  # of a file that is sent to nodes, or of a kubeconfig


def content(path: str | Path, most: int) -> bytes:
    """The content of a regular file, of at most ``most`` bytes.

    Raises:
        OSError: it cannot be read, is larger, or is something else, such as a FIFO.

    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Is not a regular file", str(path))
        found: bytes = file.read(most + 1)
    if len(found) > most:
        raise OSError(errno.EFBIG, f"Is larger than {most} bytes", str(path))
    return found


def text(path: str | Path, most: int) -> str:
    """The same as text.

    Raises:
        OSError: as above, or it is not UTF-8.

    """
    try:
        return content(path, most).decode()
    except UnicodeDecodeError:
        raise OSError(errno.EILSEQ, "Is not text", str(path)) from None

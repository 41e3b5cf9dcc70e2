"""Sends one request over one SSH channel and receives the reply, in the caller's thread.

Called by `kbootstrap.remote.hosts`. Sending never blocks receiving. After 15 s of silence it
checks whether the server answers, so that a dead peer is detected within 45 s.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from kbootstrap.remote.reply_reader import ReplyReader

_SEND_SECONDS = 0.5  # then read, in case the other side waits for that
_QUIET_SECONDS = 15
SILENT_SECONDS = 120  # without output of the script: it does not run
_SUDO_SECONDS = 120  # a login shell or a directory may be slow before sudo asks
_END_SECONDS = 5
_READ_BYTES = 64 * 1024
_READS = 64
_STALLS = int(_QUIET_SECONDS / _SEND_SECONDS)


class SilentPeer(Exception):  # noqa: N818  # never shown: the caller turns it into KB209
    """Something other than the script runs, or its stderr is not connected."""


class Transfer:
    """One request on one channel.

    Attributes:
        sent: payload bytes.
        received: payload bytes.
        ended: kbootstrap ended it, since sudo refused the password or did not ask for it.

    """

    def __init__(
        self,
        channel: Any,
        reader: ReplyReader,
        answers: Callable[[], bool],
        kill: Callable[[Any], None],
    ) -> None:
        """``answers``: whether the server answers; ``kill`` kills a channel's command."""
        self._channel = channel
        self._reader = reader
        self._answers = answers
        self._kill = kill
        self._wake = threading.Event()
        self.sent = 0
        self.received = 0
        self._deadline = time.monotonic() + SILENT_SECONDS
        self.ended = False
        channel.settimeout(_SEND_SECONDS)
        # Both buffers set the event when data arrives or the channel closes. Emptying one clears
        # it, so both are checked again before every wait.
        channel.in_buffer.set_event(self._wake)
        channel.in_stderr_buffer.set_event(self._wake)

    def start(self, command: str, password: bytes | None = None) -> bool:
        """Start the remote command; False if sudo did not start it.

        A ``password`` is sent only when sudo asks for it, since sudo's log_input would record it
        otherwise. Nothing else is sent before the command runs: sudo would read it as further
        passwords, which may lock the account.
        """
        try:
            self._channel.exec_command(command)
        except OSError as error:  # paramiko raises the error that ended the connection
            raise EOFError(error.strerror) from error
        return password is None or self._open_sudo(password)

    def run(self, chunks: Iterator[memoryview]) -> None:
        """Send the request and receive until the reply is complete or the channel ends."""
        for chunk in chunks:
            if not self._send(chunk):
                break
        while not self._reader.done and (self._drain() or self._wait()):
            self._check_silence()
        while not self._reader.done and self._drain():
            pass

    def _open_sudo(self, password: bytes) -> bool:
        deadline = time.monotonic() + _SUDO_SECONDS
        given = 0
        while not self._reader.ready:
            if given == 0 < self._reader.asked:
                given = 1
                self._send(memoryview(password + b"\n"))
            if self._reader.asked > 1 or time.monotonic() > deadline:
                self._end()
                return False
            if not self._drain() and not self._wait():
                return False
        return True

    def _check_silence(self) -> None:
        """Raise `SilentPeer` when the script has been silent for too long, or only on stderr."""
        reader = self._reader
        if reader.started and not reader.complete:
            self._deadline = time.monotonic() + SILENT_SECONDS
        elif time.monotonic() > self._deadline and not reader.done:
            where = "stderr" if reader.complete else "stdout"
            raise SilentPeer(f"no output of the script on {where} for {SILENT_SECONDS} s")

    def _end(self) -> None:
        """End a sudo that waits for input, and read its output.

        sudo-rs reads the end of input as an empty password, which counts as a failed one, so it is
        killed. The original sudo belongs to root and cannot be killed; it ends with its input.
        """
        self.ended = True
        self._kill(self._channel)
        self._channel.shutdown_write()
        self._channel.status_event.wait(_END_SECONDS)
        self._drain()

    def _send(self, chunk: memoryview) -> bool:
        """Send a slice and read meanwhile; False if the other side does not read."""
        stalls = 0
        while chunk:
            if self._channel.closed or self._reader.done:
                return False
            try:
                count = self._channel.send(bytes(chunk))
            except TimeoutError:  # the window is full: the other side may wait for us to read
                count = 0
                stalls = 0 if self._drain() else stalls + 1
                if stalls % _STALLS == _STALLS - 1 and not self._answers():
                    return False
            except OSError:  # closed meanwhile; earlier output is still to be read
                return False
            self.sent += count
            chunk = chunk[count:]
            if self._wake.is_set():
                self._drain()
        return True

    def _drain(self) -> bool:
        """Read available data; whether there was any. Endless data ends, to look at the clock."""
        before = self.received
        for _ in range(_READS):
            if self._channel.recv_ready():
                self._take(self._channel.recv(_READ_BYTES), self._reader.feed_stdout)
            elif self._channel.recv_stderr_ready():
                self._take(self._channel.recv_stderr(_READ_BYTES), self._reader.feed_stderr)
            else:
                break
        return self.received > before

    def _take(self, data: bytes, feed: Callable[[bytes], None]) -> None:
        self.received += len(data)
        feed(data)

    def _wait(self) -> bool:
        """Wait for data; False if there will be none."""
        if self._channel.closed:
            return False
        if self._channel.eof_received:  # the event stays set after this
            return not self._channel.status_event.wait(_QUIET_SECONDS) and self._answers()
        return self._wake.wait(_QUIET_SECONDS) or self._answers()

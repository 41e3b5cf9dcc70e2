"""Moving one request over one SSH channel: bytes up, bytes down, in one thread.

Called by `kbootstrap.remote.hosts`. It never blocks on one direction while the other
has something, needs no thread of its own, and after 15 s of silence asks the server
whether it is still there, so that a dead peer is noticed within 45 s.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from kbootstrap.remote.reply_reader import ReplyReader

_SEND_SECONDS = 0.5  # then look whether the other side wants to be read first
_QUIET_SECONDS = 15
MUTE_SECONDS = 120  # without a word from our script: nothing of ours runs there
_SUDO_SECONDS = 120  # a login shell or a directory may be slow before sudo asks
_END_SECONDS = 5
_READ_BYTES = 64 * 1024
_STALLS = int(_QUIET_SECONDS / _SEND_SECONDS)


class SilentPeer(Exception):  # noqa: N818  # never shown: the caller turns it into KB209
    """Something runs there that is not what was started, or its stderr leads nowhere."""


class Transfer:
    """One request on one channel.

    Attributes:
        sent: payload bytes.
        received: payload bytes.
        ended: this side ended it, since sudo did not accept the password or asked for none.

    """

    def __init__(
        self,
        channel: Any,
        reader: ReplyReader,
        answers: Callable[[], bool],
        kill: Callable[[Any], None],
    ) -> None:
        """``answers``: whether the server is there; ``kill`` ends a channel's command."""
        self._channel = channel
        self._reader = reader
        self._answers = answers
        self._kill = kill
        self._wake = threading.Event()
        self.sent = 0
        self.received = 0
        self._deadline = time.monotonic() + MUTE_SECONDS
        self.ended = False
        channel.settimeout(_SEND_SECONDS)
        # Both buffers set the event when something comes or the channel closes. Reading one
        # empty clears it, so both are looked at again before every wait.
        channel.in_buffer.set_event(self._wake)
        channel.in_stderr_buffer.set_event(self._wake)

    def start(self, command: str, password: bytes | None = None) -> bool:
        """Start the command that `run` will talk to; False: sudo did not start it.

        A ``password`` is sent when sudo asks for it and not before: if sudo asks nobody, its log
        of input (log_input) would record it. Nothing else is sent until the command runs: sudo
        would take it for further passwords, and the account might be locked.
        """
        try:
            self._channel.exec_command(command)
        except OSError as error:  # paramiko raises again what ended its connection
            raise EOFError(error.strerror) from error
        return password is None or self._open_sudo(password)

    def run(self, chunks: Iterator[memoryview]) -> None:
        """Exchange until all is said, or nothing more will come."""
        for chunk in chunks:
            if not self._send(chunk):
                break
        while not self._reader.done and (self._drain() or self._wait()):
            self._must_speak()
        self._drain()

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

    def _must_speak(self) -> None:
        """Raise `SilentPeer` when the script has been silent for too long, or only on stderr."""
        reader = self._reader
        if reader.started and not reader.complete:
            self._deadline = time.monotonic() + MUTE_SECONDS
        elif time.monotonic() > self._deadline and not reader.done:
            where = "its stderr" if reader.complete else "it"
            raise SilentPeer(f"nothing of the script came on {where} for {MUTE_SECONDS} s")

    def _end(self) -> None:
        """End a sudo that waits for input, and read what it says to that.

        For sudo-rs the end of input is an empty password, which fails like any other: it must be
        killed, and can be. The original sudo belongs to root: it ends with its input.
        """
        self.ended = True
        self._kill(self._channel)
        self._channel.shutdown_write()
        self._channel.status_event.wait(_END_SECONDS)
        self._drain()

    def _send(self, chunk: memoryview) -> bool:
        """Send a slice, reading meanwhile; False: nobody takes it."""
        stalls = 0
        while chunk:
            if self._channel.closed or self._reader.done:
                return False
            try:
                count = self._channel.send(bytes(chunk))
            except TimeoutError:  # the window is full: perhaps it waits for us to read
                count = 0
                stalls = 0 if self._drain() else stalls + 1
                if stalls % _STALLS == _STALLS - 1 and not self._answers():
                    return False
            except OSError:  # closed meanwhile; what it said before is still to be read
                return False
            self.sent += count
            chunk = chunk[count:]
            if self._wake.is_set():
                self._drain()
        return True

    def _drain(self) -> bool:
        """Read what there is; whether there was anything."""
        before = self.received
        while self._channel.recv_ready():
            self._take(self._channel.recv(_READ_BYTES), self._reader.feed_stdout)
        while self._channel.recv_stderr_ready():
            self._take(self._channel.recv_stderr(_READ_BYTES), self._reader.feed_stderr)
        return self.received > before

    def _take(self, data: bytes, feed: Callable[[bytes], None]) -> None:
        self.received += len(data)
        feed(data)

    def _wait(self) -> bool:
        """Until something comes; False: nothing will."""
        if self._channel.closed:
            return False
        if self._channel.eof_received:  # the event stays set from here on
            return not self._channel.status_event.wait(_QUIET_SECONDS) and self._answers()
        return self._wake.wait(_QUIET_SECONDS) or self._answers()

"""Keeping the two ends of an output that may be huge."""

from dataclasses import dataclass, field

HALF = 128 * 1024


@dataclass(slots=True)
class BoundedBuffer:
    """The first and the last 128 KiB of what was fed, and how much there was."""

    half: int = HALF
    size: int = 0
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self.size += len(data)
        room = self.half - len(self.head)
        if room:
            self.head += data[:room]
            data = data[room:]
        self.tail += data[-self.half :]
        if len(self.tail) > 2 * self.half:  # trimmed now and then, not at every feed
            del self.tail[: -self.half]

    @property
    def truncated(self) -> bool:
        """Something was left out of the middle."""
        return self.size > 2 * self.half

    def text(self) -> str:
        """What was kept; a line in the middle says how much was not."""
        if not self.truncated:
            return (self.head + self.tail).decode(errors="replace")
        left_out = self.size - 2 * self.half
        head = self.head.decode(errors="replace")
        tail = self.tail[-self.half :].decode(errors="replace")
        return f"{head}\n[... {left_out} bytes left out ...]\n{tail}"

"""A buffer that retains the beginning and the end of an output of any size."""

from dataclasses import dataclass, field

HALF = 128 * 1024


@dataclass(slots=True)
class BoundedBuffer:
    """The first and the last 128 KiB of an output, and its size."""

    half: int = HALF
    size: int = 0
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> None:
        """Add the next bytes."""
        self.size += len(data)
        room = self.half - len(self.head)
        if room:
            self.head += data[:room]
            data = data[room:]
        self.tail += data[-self.half :]
        if len(self.tail) > 2 * self.half:  # trimmed rarely, not at every feed
            del self.tail[: -self.half]

    @property
    def truncated(self) -> bool:
        """Whether the middle was dropped."""
        return self.size > 2 * self.half

    def text(self) -> str:
        """The retained text; a line in the middle says how many bytes were dropped."""
        if not self.truncated:
            return (self.head + self.tail).decode(errors="replace")
        left_out = self.size - 2 * self.half
        head = self.head.decode(errors="replace")
        tail = self.tail[-self.half :].decode(errors="replace")
        return f"{head}\n[... {left_out} bytes left out ...]\n{tail}"

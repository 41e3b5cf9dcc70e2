"""Tables in columns that are as wide as their widest cell."""

from collections.abc import Iterable, Iterator, Sequence

from kbootstrap.visible import one_line


def aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Each row as a line; the first is usually the head."""
    every = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    for row in every:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()

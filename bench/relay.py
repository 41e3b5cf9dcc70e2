"""A relay that adds latency, for kernels without netem.

``python -m bench.relay MILLIS HOST...``: it listens on 127.x.y.z for the host 10.x.y.z and
forwards every byte after half a round trip. Its CPU time is not counted, but it shares the
computer.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PORT = 2022
Reach = list[tuple[str, str, int]]


@contextmanager
def running(reach: Reach, millis: int) -> Iterator[Reach]:
    """Where to connect to instead, while a relay runs; the hosts themselves without latency."""
    if not millis:
        yield reach
        return
    words = [sys.executable, "-m", "bench.relay", str(millis), *(host for _, host, _ in reach)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise RuntimeError("the relay did not start")
            yield [(name, _near(host), PORT) for name, host, _ in reach]
        finally:
            process.kill()


def _near(host: str) -> str:
    return "127" + host[host.index(".") :]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass bytes on, each ``delay`` after it came, without holding up those behind it."""
    loop = asyncio.get_running_loop()

    def late(data: bytes) -> None:
        with suppress(RuntimeError, OSError):
            if data:
                writer.write(data)
            else:
                writer.close()

    with suppress(OSError):
        while data := await reader.read(65536):
            loop.call_later(delay, late, data)
    loop.call_later(delay, late, b"")


async def _serve(delay: float, hosts: list[str]) -> None:
    async def guest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay * 2)  # TCP's own round trip
        there = await asyncio.open_connection(
            str(writer.get_extra_info("sockname")[0]).replace("127", "10", 1), 22
        )
        await asyncio.gather(_pump(reader, there[1], delay), _pump(there[0], writer, delay))

    for host in hosts:
        await asyncio.start_server(guest, _near(host), PORT, backlog=100)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]) / 2000, sys.argv[2:]))

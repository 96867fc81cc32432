"""A load generator: keep-alive connections that each send a prepared request as soon as the last was answered.

Run by the other benchmarks as a process of its own: `python bench/load.py PORT CONNECTIONS SECONDS < request`.
The request is HTTP/1.1 as it goes over the wire; `{unique}` in it becomes a new text of 32 characters each time.
Prints one JSON line: requests per second, how many were sent with those that warmed up, how often each status came,
and latencies in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import cast
from uuid import uuid4

import uvloop

PLACE = b"{unique}"
WARM_SECONDS = 0.3


class Run:
    """What all connections of one run share."""

    def __init__(self, request: bytes) -> None:
        """Send `request`, again and again, until `over`."""
        self._parts = request.split(PLACE)
        self._stem = uuid4().hex[:20]
        self.sent = 0
        self.over = False
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []

    def next(self) -> bytes:
        """Return the bytes of the next request."""
        self.sent += 1
        return f"{self._stem}{self.sent:012d}".encode().join(self._parts)

    def forget(self) -> None:
        """Begin to count: what came before was warming up."""
        self.statuses.clear()
        self.latencies.clear()


class Connection(asyncio.Protocol):
    """One client: sends, waits for the whole answer, sends again."""

    def __init__(self, run: Run) -> None:
        """Begin once connected; `closed` is done when the connection has ended."""
        self._run = run
        self._held = b""
        self._sent_at = 0.0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Count a complete answer and send the next request."""
        self._held = self._held + data if self._held else data
        head, separator, body = self._held.partition(b"\r\n\r\n")
        if not separator or len(body) < length_of(head):
            return
        self._held = b""
        self._run.latencies.append(time.perf_counter() - self._sent_at)
        self._run.statuses[head[9:12].decode()] += 1
        if self._run.over:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that this connection has ended."""
        self.closed.set_result(None)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._run.next())


def length_of(head: bytes) -> int:
    """Return the length of the body that a response's head promises."""
    lowered = head.lower()
    start = lowered.index(b"content-length:") + 15
    end = lowered.find(b"\r\n", start)
    return int(lowered[start : end if end > 0 else None])


async def load(port: int, connections: int, seconds: float, request: bytes) -> dict[str, object]:
    """Send for so long over so many connections; returns the figures."""
    run, loop = Run(request), asyncio.get_running_loop()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: Connection(run), "127.0.0.1", port)
        clients.append(client)
    await asyncio.sleep(WARM_SECONDS)
    run.forget()
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    took, done = time.perf_counter() - began, len(run.latencies)
    latencies = sorted(run.latencies)
    run.over = True
    await asyncio.wait_for(asyncio.gather(*(client.closed for client in clients)), 30)
    return {
        "rate": done / took,
        "sent": run.sent,
        "statuses": dict(run.statuses),
        "p50": 1000 * latencies[done // 2],
        "p99": 1000 * latencies[done * 99 // 100],
    }


if __name__ == "__main__":
    port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    print(json.dumps(uvloop.run(load(port, connections, seconds, sys.stdin.buffer.read()))))

"""The pipes between a supervisor and an executor: one JSON message a line.

The supervisor writes to the executor's standard input; when that closes, the supervisor is gone and the executor stops.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import IO, Any

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """Write one message as a line."""
    return json.dumps(message).encode() + b"\n"


async def messages(stream: asyncio.StreamReader) -> AsyncIterator[Message]:
    """Yield messages until the other side closes."""
    async for line in stream:
        if line.strip():
            yield json.loads(line)


async def reader_of(source: IO[bytes]) -> asyncio.StreamReader:
    """Read a pipe without blocking the loop."""
    stream = asyncio.StreamReader(limit=2**22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), source)
    return stream


def say(descriptor: int, message: Message) -> None:
    """Write one short message to a pipe; a reader that is gone is none of the writer's business."""
    try:
        os.write(descriptor, encode(message))
    except OSError:
        return

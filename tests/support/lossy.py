"""A line to PostgreSQL that can break at the worst moment: after a commit, before the word of it has arrived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

# CommandComplete with the tag COMMIT, as the server sends it.
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"


class LossyLine:
    """Passes bytes on in both directions; swallows as many words of a commit as the test asks for, and hangs up."""

    def __init__(self, url: str) -> None:
        self._host, self._port = urlsplit(url).hostname, urlsplit(url).port
        self._to = url
        self.to_lose = 0
        self.lost = 0

    def url(self, port: int) -> str:
        """The same database behind this line."""
        return self._to.replace(f"{self._host}:{self._port}", f"127.0.0.1:{port}", 1)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side hangs up, or the line breaks."""
        from_server, to_server = await asyncio.open_connection(self._host, self._port)
        ways = [
            asyncio.create_task(self._pass(reader, to_server)),
            asyncio.create_task(self._pass(from_server, writer, breaks=True)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        to_server.close()
        writer.close()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, breaks: bool = False) -> None:
        while data := await source.read(65_536):
            if breaks and self.to_lose and COMMITTED in data:
                self.to_lose -= 1
                self.lost += 1
                return
            sink.write(data)
            await sink.drain()


@asynccontextmanager
async def lossy_line(url: str) -> AsyncIterator[tuple[LossyLine, str]]:
    """A line to the database at `url`, and its address there."""
    line = LossyLine(url)
    server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    try:
        yield line, line.url(server.sockets[0].getsockname()[1])
    finally:
        server.close()

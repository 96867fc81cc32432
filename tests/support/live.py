"""The API on a real port inside the test's own process, and streams read from it as a browser reads them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import asyncpg
import httpx
import uvicorn
from fastapi import FastAPI

from easyflow.api.app import create_app
from easyflow.api.backend import Backend
from easyflow.settings import Settings
from easyflow.storage.listening import APPLICATION
from tests.support.plain_http import PLAIN

NEWS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    name: str
    data: Any
    id: int | None


@dataclass(slots=True)
class Stream:
    """One open stream."""

    reply: httpx.Response
    lines: AsyncIterator[str] = field(init=False)
    seen: list[Event] = field(default_factory=list)
    comments: int = 0

    def __post_init__(self) -> None:
        self.lines = self.reply.aiter_lines()

    async def next(self) -> Event:
        """The next event; fails when none comes."""
        async with asyncio.timeout(NEWS_SECONDS):
            event = await self._read()
        assert event is not None, "the stream has ended"
        return event

    async def until(self, wanted: Callable[[Event], object]) -> Event:
        """The next event of this kind, past all others."""
        while not wanted(event := await self.next()):
            pass
        return event

    async def topics(self) -> list[str]:
        """The topics of the next event, which must be a change."""
        event = await self.next()
        assert event.name == "changed", event
        return cast("list[str]", event.data["topics"])

    async def rest(self) -> list[Event]:
        """All that comes until the stream ends."""
        found = []
        async with asyncio.timeout(NEWS_SECONDS):
            while event := await self._read():
                found.append(event)
        return found

    async def _read(self) -> Event | None:
        fields: dict[str, str] = {}
        async for line in self.lines:
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                known = Event(
                    fields["event"], json.loads(fields["data"]), int(fields["id"]) if "id" in fields else None
                )
                self.seen.append(known)
                return known
        return None


class Live:
    """The served API, a client, and what the application holds."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client

    @property
    def backend(self) -> Backend:
        """What the application holds."""
        return cast("Backend", self.app.state.backend)

    @asynccontextmanager
    async def stream(self, last_id: str | int | None = None) -> AsyncIterator[Stream]:
        """An open stream; its `hello` is not read yet."""
        headers = {} if last_id is None else {"last-event-id": str(last_id)}
        async with self.client.stream("GET", "/api/v1/stream", headers=headers) as reply:
            assert reply.status_code == 200, await reply.aread()
            yield Stream(reply)


class _Server(uvicorn.Server):
    """Leaves the signals of the test's process alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(url: str, **changes: Any) -> AsyncIterator[Live]:
    """Serve the API on a free port of this machine; at the end its streams are released and it must stop."""
    app = create_app(Settings(database_url=url, **changes))
    server = _Server(uvicorn.Config(app, http="httptools", ws="none", lifespan="on", log_config=None))
    bound = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([bound]))
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    try:
        async with asyncio.timeout(20), httpx.AsyncClient(base_url=address, timeout=20, verify=PLAIN) as client:
            assert (await client.get("/healthz")).status_code == 200
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=address, timeout=30, limits=limits, verify=PLAIN) as client:
            yield Live(app, client)
            app.state.backend.live.release()
    finally:
        server.should_exit = True
        async with asyncio.timeout(20):
            await serving
        bound.close()


async def listeners(connection: asyncpg.Connection) -> list[int]:
    """The backends that listen for changes in this connection's database."""
    rows = await connection.fetch(
        "select pid from pg_stat_activity where datname = current_database() and application_name = $1", APPLICATION
    )
    return [row["pid"] for row in rows]


def names(*topics: str) -> Callable[[Event], bool]:
    """Whether an event is a change that names these topics."""
    return lambda event: event.name == "changed" and set(topics) <= set(event.data["topics"])


def degraded(event: Event) -> bool:
    """Whether an event tells to poll."""
    return event.name == "degraded"

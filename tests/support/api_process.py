"""The API behind a real socket: in this process, or in one that a test may kill; and a way to it that loses answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import uvicorn

from easyflow.api.app import create_app
from easyflow.local.ports import free_port
from easyflow.settings import Settings
from tests.support.http_server import Asked, HttpServer, http_reply, http_server
from tests.support.plain_http import PLAIN, is_served
from tests.support.waiting import until


@dataclass
class ApiProcess:
    """`easyflow api` on a database, always at the same port."""

    database_url: str
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://localhost:{self.port}"

    async def start(self) -> None:
        """Start it, and return when it can work."""
        with self.log.open("ab") as written:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                [sys.executable, "-m", "easyflow.cli.main", "api", "--host", "localhost", "--port", str(self.port)],
                env={**os.environ, "EASYFLOW_DATABASE_URL": self.database_url},
                stdout=written,
                stderr=written,
            )
        await until(30, self._is_ready, lambda: self.log.read_text(errors="replace")[-4000:])

    async def kill(self) -> None:
        """End it at once, as a crash does."""
        if self.process is not None:
            self.process.kill()
            await asyncio.to_thread(self.process.wait, 20)

    async def _is_ready(self) -> bool:
        return await is_served(f"{self.url}/readyz")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals of the test's process alone."""
        yield


@contextlib.asynccontextmanager
async def listening_api(database_url: str) -> AsyncIterator[str]:
    """The API in this process, behind a socket; its address."""
    app = create_app(Settings(database_url=database_url))
    server = _Server(uvicorn.Config(app, ws="none", lifespan="on", log_config=None, access_log=False))
    bound = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([bound]))

    async def started() -> bool:
        return server.started or serving.done()

    try:
        await until(20, started)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def running_api_process(database_url: str, folder: Path) -> AsyncIterator[ApiProcess]:
    """A ready API process, killed at the end."""
    running = ApiProcess(database_url, folder / "api.log")
    try:
        await running.start()
        yield running
    finally:
        await running.kill()


@contextlib.asynccontextmanager
async def losing_answers(
    api_url: str, lost: Callable[[Asked, int], bool], meanwhile: Callable[[], Awaitable[object]] | None = None
) -> AsyncIterator[HttpServer]:
    """A way to the API that carries every request there, and hangs up before the answers for which `lost` is true.

    `lost` gets the request and its number, from 1; before it hangs up, what `meanwhile` does has happened.
    """
    numbers = count(1)

    async def pass_on(asked: Asked) -> bytes:
        number = next(numbers)
        kept = {name: value for name, value in asked.headers.items() if name not in ("host", "connection")}
        try:
            reply = await asking.request(asked.method, f"{api_url}{asked.path}", headers=kept, content=asked.body)
        except httpx.TransportError:
            return b""  # the API is away
        if lost(asked, number):
            await (meanwhile() if meanwhile else asyncio.sleep(0))
            return b""
        told = {name: reply.headers[name] for name in ("content-type", "retry-after") if name in reply.headers}
        return http_reply(reply.status_code, reply.content, connection="close", **told)

    async with httpx.AsyncClient(timeout=70, verify=PLAIN) as asking, http_server(pass_on) as way:
        yield way

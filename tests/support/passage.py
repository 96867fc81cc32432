"""A dashboard's server before an API: the real one, or one that does as the test says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from easyflow.api.app import create_app
from easyflow.settings import Settings
from tests.support.dashboard import Handler, Served, dashboard, part, served, start

MIB = 1024 * 1024
JOBS = "/api/v1/jobs"


class StandIn:
    """An API that does as the test says, and remembers what it was asked."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.asked: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.asked.append(scope)
            await self.handler(scope, receive, send)

    def headers(self, name: str) -> list[str]:
        """The values of one header of the latest request."""
        return [value.decode() for key, value in self.asked[-1]["headers"] if key == name.encode()]


@asynccontextmanager
async def standing_in(folder: Path, handler: Handler, **changes: Any) -> AsyncIterator[tuple[Served, StandIn]]:
    """A dashboard before an API that `handler` plays."""
    api = StandIn(handler)
    async with served(api) as port, dashboard(folder, port, **changes) as server:
        yield server, api


@asynccontextmanager
async def real(folder: Path, url: str, prefix: str = "", **changes: Any) -> AsyncIterator[Served]:
    """A dashboard before the real API; `changes` are settings of both."""
    app = create_app(Settings(database_url=url, **changes))
    async with served(app) as port, dashboard(folder, port, dashboard_prefix=prefix, **changes) as server:
        yield server


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was asked."""
    body = b""
    while (message := await receive()).get("more_body"):
        body += message["body"]
    body += message.get("body", b"")
    told = {
        "method": scope["method"],
        "target": (scope["raw_path"] + b"?" + scope["query_string"]).decode(),
        "body": body.decode(),
    }
    await start(send, 207, (b"x-kept", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"))
    await part(send, json.dumps(told).encode())

"""The API over a real database, asked by HTTP, and replies held against the shapes its document promises."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import httpx
from fastapi import FastAPI
from pydantic import BaseModel

from easyflow.api import schemas
from easyflow.api.app import create_app
from easyflow.api.backend import Backend
from easyflow.settings import Settings
from easyflow.storage import tasks
from easyflow.storage.sql import Connection
from easyflow.storage.tasks import TaskRow
from tests.support.factories import QUEUE, TASK

PAY = "claims.pay"
PAY_SCHEMA = {
    "type": "object",
    "properties": {"amount": {"type": "number", "maximum": 1000}, "card": {"type": "string"}},
    "required": ["amount"],
    "additionalProperties": False,
}

Shape = TypeVar("Shape", bound=BaseModel)


def task_row(name: str = TASK, schema: Any = True, queue: str = QUEUE) -> TaskRow:
    """A task as a worker announces it; by default every payload fits."""
    return TaskRow(name, "pure", queue, 5, 300.0, "shared", "c0de", "for tests", json.dumps(schema), None)


class Api:
    """The API of one test's database; paths of `get` and its like begin behind /api/v1."""

    def __init__(self, client: httpx.AsyncClient, connection: Connection) -> None:
        self.client = client
        self.connection = connection

    @property
    def app(self) -> FastAPI:
        """The application behind the client."""
        return cast("FastAPI", cast("Any", self.client._transport).app)

    @property
    def backend(self) -> Backend:
        """What the application holds."""
        return cast("Backend", self.app.state.backend)

    async def until_waiting(self, requests: int) -> None:
        """Return once so many requests wait for jobs to end."""
        async with asyncio.timeout(10):
            while self.backend.watch.waiting < requests:  # noqa: ASYNC110 - a counter tells nobody when it moves
                await asyncio.sleep(0.001)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        """Ask for something."""
        return await self.client.get(f"/api/v1{path}", params=query)

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send JSON, or nothing; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return await self.client.post(f"/api/v1{path}", headers=named)
        return await self.client.post(f"/api/v1{path}", json=body, headers=named)

    async def send(self, path: str, content: Any, **headers: str) -> httpx.Response:
        """Send bytes, or chunks of them, as JSON unless `content_type` says otherwise."""
        named = {"content-type": "application/json"} | {name.replace("_", "-"): v for name, v in headers.items()}
        return await self.client.post(f"/api/v1{path}", content=content, headers=named)

    async def submit(self, **said: Any) -> UUID:
        """Submit one job of the permissive task; its id."""
        reply = await self.post("/jobs", {"task": TASK} | said)
        assert reply.status_code == 201, reply.text
        return UUID(reply.json()["id"])

    async def count(self, table: str = "jobs") -> int:
        """How many rows a table has."""
        counted: int = await self.connection.fetchval(f"select count(*) from easyflow.{table}")
        return counted


@asynccontextmanager
async def running_api(url: str, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The application on a database, its lifespan running, and a client on this machine."""
    app = create_app(Settings(database_url=url, **changes))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost:3030") as client,
    ):
        yield client


async def register_tasks(connection: Connection, *rows: TaskRow) -> None:
    """Announce tasks, by default one that takes everything and one with a strict schema."""
    await tasks.register(connection, rows or (task_row(), task_row(PAY, PAY_SCHEMA)))


def shaped(reply: httpx.Response, shape: type[Shape], status: int = 200) -> Shape:
    """The reply as its promised shape; fails when a field is missing, unknown, or of another kind."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    return shape.model_validate_json(reply.content, strict=False)


def problem(reply: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem in a reply with this status, after the checks every error must stand."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = reply.json()
    schemas.Problem.model_validate(told)
    assert told["status"] == status
    assert told["request_id"] == reply.headers["x-request-id"]
    assert code is None or told["code"] == code, told
    return told


def places(told: dict[str, Any]) -> list[str]:
    """Where the problems are."""
    return [each["at"] for each in told["problems"]]


def moment(text: str) -> datetime:
    """A time as the API writes it: UTC, with Z."""
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text)

"""Queues, workers and tasks: where jobs wait, who runs them, and what can be run."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from easyflow.api import body, schemas
from easyflow.api.acts import answer, perform, signed
from easyflow.api.backend import backend_of
from easyflow.api.queries import LARGEST_PAGE, NoQuery
from easyflow.api.shapes import listed, raw, reply
from easyflow.storage import queues, tasks, workers
from easyflow.storage.acts import Answer
from easyflow.storage.lists import picture
from easyflow.storage.sql import Connection
from easyflow.submission.requests import Name, Reason, Whole

router = APIRouter()

LARGEST_LIMIT = 1_000_000


class QueueChange(BaseModel):
    """What to change of a queue; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    paused: bool | None = Field(None, strict=True, description="a paused queue starts no jobs")
    concurrency: Annotated[Whole, Field(ge=1, le=LARGEST_LIMIT)] | None = Field(
        None, description="jobs of this queue that run at once; null lifts the limit"
    )
    concurrency_per_key: Annotated[Whole, Field(ge=1, le=LARGEST_LIMIT)] | None = Field(
        None, description="jobs with the same concurrency key that run at once"
    )
    reason: Reason | None = None


@router.get("/queues", tags=["queues"], responses=schemas.answers(schemas.Listing[schemas.Queue]))
async def get_queues(request: Request, query: Annotated[NoQuery, Query()]) -> Response:
    """List all queues by name, with their settings and what is in them."""
    async with backend_of(request).connection() as connection, picture(connection):
        rows = await queues.list_all(connection)
    return reply(listed([dict(row) for row in rows]))


@router.patch(
    "/queues/{name}",
    tags=["queues"],
    responses=schemas.answers(schemas.QueueSettings, *schemas.BODY, 409),
    openapi_extra=schemas.takes(QueueChange, keyed=True),
)
async def change_queue(request: Request, name: Annotated[Name, Path()]) -> Response:
    """Pause a queue, or change its limits; a queue nobody used yet may be set up ahead."""
    asked = await body.read_object(request, QueueChange, body.ENVELOPE_BYTES)
    lifted = "concurrency" in asked.model_fields_set and asked.concurrency is None

    async def write(connection: Connection) -> Answer:
        row = await queues.change(
            connection,
            name,
            paused=asked.paused,
            concurrency=0 if lifted else asked.concurrency,
            concurrency_per_key=asked.concurrency_per_key,
            **signed(request, asked.reason),
        )
        return answer(dict(row), control=True)

    return await perform(request, "change queue", name, asked, write, "queues")


@router.get("/workers", tags=["workers"], responses=schemas.answers(schemas.Listing[schemas.Worker]))
async def get_workers(request: Request, query: Annotated[NoQuery, Query()]) -> Response:
    """List the latest workers, newest first."""
    async with backend_of(request).connection() as connection, picture(connection):
        rows = await workers.list_all(connection, LARGEST_PAGE)
    return reply(listed([dict(row) | {"id": str(row["id"])} for row in rows]))


@router.get("/tasks", tags=["tasks"], responses=schemas.answers(schemas.Listing[schemas.Task]))
async def get_tasks(request: Request, query: Annotated[NoQuery, Query()]) -> Response:
    """List the registered tasks by name, with their schemas."""
    async with backend_of(request).connection() as connection, picture(connection):
        rows = await tasks.read(connection)
    return reply(listed([_task(dict(row)) for row in rows]))


def _task(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"payload_schema": raw(row["payload_schema"]), "result_schema": raw(row["result_schema"])}

"""Runs of workflows: starting them, and looking at them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from easyflow.api import body, run_schemas, run_shapes, schemas
from easyflow.api.backend import Backend, actor_of, backend_of
from easyflow.api.queries import LARGEST_PAGE, PAGE_SIZE, Cursor, NeverNull, NoQuery, RunId
from easyflow.api.routes.jobs import WaitQuery
from easyflow.api.shapes import listed, reply
from easyflow.domain.workflow.states import RunState, StepState
from easyflow.errors import Invalid, Missing
from easyflow.storage.composing import Total
from easyflow.storage.lists import picture
from easyflow.storage.runs.lists import RunFilter, list_runs
from easyflow.storage.runs.outcomes import list_outcomes
from easyflow.storage.runs.read import read_ended, read_events, read_run, read_run_rows
from easyflow.submission.requests import KeyText, Moment, Name, Tag
from easyflow.submission.runs import NewRun, StartedRun, start_run

router = APIRouter(prefix="/runs", tags=["runs"])

MOST_RESULT_BYTES = 1024 * 1024
LARGEST_ITEM = 2**63 - 2
LARGEST_COUNT = 2**53 - 1
MOST_AT_ONCE = 100_000

StepName = Annotated[str, Path(max_length=100)]


class RunQuery(BaseModel):
    """Which runs to list."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[RunState | None, NeverNull()] = None
    workflow: Annotated[Name | None, NeverNull()] = None
    tag: Annotated[Tag | None, NeverNull()] = None
    key: Annotated[KeyText | None, NeverNull()] = Field(None, description="the key that the run's input gave")
    created_after: Annotated[Moment | None, NeverNull()] = None
    cursor: Annotated[Cursor | None, NeverNull()] = Field(None, description="next_cursor of the page before")
    limit: int = Field(PAGE_SIZE, ge=1, le=LARGEST_PAGE)


class ItemQuery(BaseModel):
    """Which items of a map to list."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[run_schemas.ItemState | None, NeverNull()] = None
    cursor: Annotated[int | None, NeverNull()] = Field(
        None, ge=0, le=LARGEST_ITEM, description="next_cursor of the page before"
    )
    limit: int = Field(PAGE_SIZE, ge=1, le=LARGEST_PAGE)


STARTED = {
    200: {"model": run_schemas.Run | run_schemas.ExpiredRun},
    **schemas.answers(run_schemas.Run, *schemas.BODY, 409, status=201),
}


@router.post("", status_code=201, responses=STARTED, openapi_extra=schemas.takes(NewRun, keyed=True))
async def submit_run(request: Request) -> Response:
    """Start a run. The same `Idempotency-Key` and body again answer 200 with the run that is there already."""
    backend = backend_of(request)
    wanted = await body.read_object(request, NewRun, backend.settings.payload_bytes + body.ENVELOPE_BYTES)
    started = await start_run(backend.connection, _with_key(wanted, request), backend.settings, actor=actor_of(request))
    backend.bell.ring(started.queues)
    backend.changes.ring("runs", "jobs")
    shown = await _shown(backend, started)
    headers = {"location": f"/api/v1/runs/{started.id}"} | (body.REPLAYED if started.existing else {})
    return reply(shown, 200 if started.existing else 201, headers)


@router.get("", responses=schemas.answers(schemas.Listing[run_schemas.Run]))
async def get_runs(request: Request, query: Annotated[RunQuery, Query()]) -> Response:
    """List runs, newest first, without input and output."""
    wanted = RunFilter(query.state, query.workflow, query.tag, query.key, query.created_after)
    after = UUID(query.cursor) if query.cursor else None
    async with backend_of(request).connection() as connection:
        found = await list_runs(connection, wanted, after=after, limit=query.limit)
    return reply(run_shapes.runs(found))


@router.get("/{run_id}", responses=schemas.answers(run_schemas.RunDetail, 404))
async def get_run(request: Request, run_id: RunId, query: Annotated[WaitQuery, Query()]) -> Response:
    """Show one run with every step; with `wait_seconds`, once it is over, or when the time is."""
    backend = backend_of(request)
    if query.wait_seconds and not await _is_over(backend, run_id):
        await backend.run_watch.until_terminal(run_id, query.wait_seconds)
    async with backend.connection() as connection, picture(connection):
        seen = await read_run(connection, run_id, max_bytes=MOST_RESULT_BYTES)
    return reply(run_shapes.run_detail(seen))


@router.get("/{run_id}/events", responses=schemas.answers(schemas.Listing[run_schemas.RunEvent], 404))
async def get_run_events(request: Request, run_id: RunId, query: Annotated[NoQuery, Query()]) -> Response:
    """Tell what happened to a run, oldest first; of a long history the latest 500 events."""
    async with backend_of(request).connection() as connection, picture(connection):
        found = await read_events(connection, run_id, LARGEST_PAGE)
    shown = [run_shapes.event(row) for row in found.rows]
    return reply(listed(shown, Total(len(shown), "capped" if found.cut else "exact")))


@router.get("/{run_id}/steps/{step}/items", responses=schemas.answers(schemas.Listing[run_schemas.RunItem], 404))
async def get_step_items(
    request: Request,
    run_id: RunId,
    step: StepName,
    query: Annotated[ItemQuery, Query()],
) -> Response:
    """List the items of a map that have ended, by their numbers."""
    async with backend_of(request).connection() as connection, picture(connection):
        found = await list_outcomes(
            connection,
            run_id,
            step,
            state=None if query.state is None else StepState(query.state),
            after=-1 if query.cursor is None else query.cursor,
            limit=query.limit,
            max_bytes=MOST_RESULT_BYTES,
        )
    return reply(run_shapes.items(found))


async def _is_over(backend: Backend, run_id: UUID) -> bool:
    """Whether the run is over; raises Missing."""
    async with backend.connection() as connection:
        if await read_ended(connection, [run_id]):
            return True
        if not await read_run_rows(connection, [run_id]):
            raise Missing("there is no run with this id")
    return False


async def _shown(backend: Backend, started: StartedRun) -> dict[str, Any]:
    async with backend.connection() as connection, picture(connection):
        rows = await read_run_rows(connection, [started.id])
    return run_shapes.run(rows[0]) if rows else {"id": str(started.id), "expired": True}


def _with_key(wanted: NewRun, request: Request) -> NewRun:
    key = body.idempotency_key(request)
    if key is None:
        return wanted
    if wanted.idempotency_key not in (None, key):
        message = f"differs from the header {body.KEY_HEADER}; give one of the two"
        raise Invalid(f"idempotency_key: {message}", [{"at": "idempotency_key", "message": message}])
    return wanted.model_copy(update={"idempotency_key": key})

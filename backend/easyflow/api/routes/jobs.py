"""Looking at jobs, and the acts on one job."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from easyflow.api import body, schemas
from easyflow.api.acts import answer, perform, signed
from easyflow.api.backend import Backend, backend_of
from easyflow.api.queries import LARGEST_PAGE, AnId, JobId, NeverNull, NoQuery, PageQuery
from easyflow.api.shapes import event, job, job_detail, listed, page, reply
from easyflow.domain.states import TERMINAL, State
from easyflow.errors import Missing
from easyflow.storage import dead_letters, effects, events, in_doubt, jobs
from easyflow.storage.acts import Answer
from easyflow.storage.lists import JobFilter, list_jobs, picture, read_rows
from easyflow.storage.runs.naming import step_names
from easyflow.storage.sql import Connection
from easyflow.submission.requests import Moment, Reason

router = APIRouter(prefix="/jobs", tags=["jobs"])

MOST_ATTEMPTS = 100
MOST_EFFECTS = 100
LONGEST_WAIT_SECONDS = 60


class JobQuery(PageQuery):
    """Which jobs to list."""

    state: Annotated[State | None, NeverNull()] = None
    created_after: Annotated[Moment | None, NeverNull()] = None
    run_id: Annotated[AnId | None, NeverNull()] = Field(None, description="only jobs of this run")


class ActOnJob(BaseModel):
    """What may be said with an act on a job."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason | None = None


class WaitQuery(BaseModel):
    """How long the answer may wait for the end of the job."""

    model_config = ConfigDict(extra="forbid")

    wait_seconds: float = Field(0, ge=0, le=LONGEST_WAIT_SECONDS, allow_inf_nan=False)


ACT = schemas.takes(ActOnJob, required=False, keyed=True)
ACTED = schemas.answers(schemas.Job, *schemas.BODY, 404, 409)
CANCELLED = {202: {"model": schemas.Job}, **ACTED}


@router.get("", responses=schemas.answers(schemas.Listing[schemas.Job]))
async def get_jobs(request: Request, query: Annotated[JobQuery, Query()]) -> Response:
    """List jobs, newest first, without payloads."""
    run_id = UUID(query.run_id) if query.run_id else None
    wanted = JobFilter(query.state, query.task, query.queue, query.tag, query.created_after, run_id)
    async with backend_of(request).connection() as connection:
        found = await list_jobs(connection, wanted, after=query.after, limit=query.limit)
    return reply(page(found, [job(row) for row in found.rows]))


@router.get("/{job_id}", responses=schemas.answers(schemas.JobDetail, 404))
async def get_job(request: Request, job_id: JobId, query: Annotated[WaitQuery, Query()]) -> Response:
    """Show one job; with `wait_seconds`, once it has ended, or when the time is over."""
    backend = backend_of(request)
    if query.wait_seconds and not await _has_ended(backend, job_id):
        await backend.watch.until_terminal(job_id, query.wait_seconds)
    async with backend.connection() as connection, picture(connection):
        row = await jobs.read(connection, job_id)
        attempts = await jobs.read_latest_attempts(connection, job_id, MOST_ATTEMPTS)
        letter = await dead_letters.find(connection, job_id)
        ledger = await effects.read_latest(
            connection, job_id, max_effects=MOST_EFFECTS, max_bytes=backend.settings.result_bytes
        )
        doubts = await in_doubt.read(connection, [job_id])
        (step,) = await step_names(connection, [row])
    return reply(job_detail(row, attempts, letter, ledger, doubts.get(job_id), step))


@router.get("/{job_id}/events", responses=schemas.answers(schemas.Listing[schemas.JobEvent], 404))
async def get_job_events(request: Request, job_id: JobId, query: Annotated[NoQuery, Query()]) -> Response:
    """Tell what happened to a job, oldest first; of a long history the latest 500 events."""
    async with backend_of(request).connection() as connection, picture(connection):
        found = await events.read(connection, job_id, LARGEST_PAGE)
    return reply(listed([event(each) for each in found.rows], found.total))


@router.post("/{job_id}/cancel", responses=CANCELLED, openapi_extra=ACT)
async def cancel_job(request: Request, job_id: JobId) -> Response:
    """Cancel a job: at once (200), or by asking its executor to stop it (202). Asking again changes nothing."""
    said = await body.read_object(request, ActOnJob, body.ENVELOPE_BYTES, optional=True)

    async def write(connection: Connection) -> Answer:
        moved = await jobs.cancel(connection, job_id, **signed(request, said.reason))
        asked = moved.outcome == "requested"
        return answer(await _show(connection, job_id), 202 if asked else 200, keys=moved.keys, control=asked)

    return await perform(request, "cancel", job_id, said, write, "jobs")


@router.post("/{job_id}/run-now", responses=ACTED, openapi_extra=ACT)
async def run_job_now(request: Request, job_id: JobId) -> Response:
    """Let a scheduled job start now."""
    said = await body.read_object(request, ActOnJob, body.ENVELOPE_BYTES, optional=True)

    async def write(connection: Connection) -> Answer:
        moved = await jobs.run_now(connection, job_id, **signed(request, said.reason))
        return answer(await _show(connection, job_id), keys=moved.keys)

    return await perform(request, "run now", job_id, said, write, "jobs")


async def _has_ended(backend: Backend, job_id: UUID) -> bool:
    """Whether the job has ended; raises Missing."""
    async with backend.connection() as connection:
        states = await jobs.read_states(connection, [job_id])
    if not states:
        raise Missing("there is no job with this id")
    return states[0]["state"] in TERMINAL


async def _show(connection: Connection, job_id: UUID) -> dict[str, Any]:
    rows = await read_rows(connection, [job_id])
    if not rows:
        raise Missing("there is no job with this id")
    return job(rows[0])

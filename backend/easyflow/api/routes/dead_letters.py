"""Dead letters: what failed and why; letting a job run again, or setting its letter aside."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from easyflow.api import body, schemas
from easyflow.api.acts import answer, perform, signed
from easyflow.api.backend import Backend, backend_of
from easyflow.api.queries import JobId, NeverNull, PageQuery
from easyflow.api.routes.jobs import MOST_ATTEMPTS
from easyflow.api.shapes import dead_letter, dead_letter_detail, job, page, reply
from easyflow.errors import Invalid
from easyflow.storage import dead_letters, jobs
from easyflow.storage.acts import Answer
from easyflow.storage.lists import DeadLetterFilter, DeadLetterState, list_dead_letters, picture, read_rows
from easyflow.storage.sql import Connection
from easyflow.submission.door import payload_text
from easyflow.submission.requests import Reason, Whole

router = APIRouter(prefix="/dead-letters", tags=["dead letters"])


class DeadLetterQuery(PageQuery):
    """Which dead letters to list."""

    state: DeadLetterState = "open"
    reason: Annotated[Reason | None, NeverNull()] = Field(None, description="exactly as the dead letter says it")


class Discard(BaseModel):
    """An act on a dead letter as its caller saw it."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = Field(description="why; kept in the audit log")
    seen_version: Annotated[Whole, Field(ge=1, description="the version the caller looked at")]


class Replay(Discard):
    """A replay, with the payload as it was or with another."""

    payload: Any = Field(None, description="takes the place of the payload; it must fit the task's schema of today")


REPLAYED = schemas.answers(schemas.Job, *schemas.BODY, 404, 409)
DISCARDED = schemas.answers(schemas.DeadLetter, *schemas.BODY, 404, 409)


@router.get("", responses=schemas.answers(schemas.Listing[schemas.DeadLetter]))
async def get_dead_letters(request: Request, query: Annotated[DeadLetterQuery, Query()]) -> Response:
    """List dead letters, newest job first; only open ones unless `state` says otherwise."""
    wanted = DeadLetterFilter(query.state, query.task, query.queue, query.tag, query.reason)
    async with backend_of(request).connection() as connection:
        found = await list_dead_letters(connection, wanted, after=query.after, limit=query.limit)
    return reply(page(found, [dead_letter(row) for row in found.rows]))


@router.get("/{job_id}", responses=schemas.answers(schemas.DeadLetterDetail, 404))
async def get_dead_letter(request: Request, job_id: JobId) -> Response:
    """Show one dead letter: what failed, why, how often."""
    async with backend_of(request).connection() as connection, picture(connection):
        letter = await dead_letters.read(connection, job_id)
        attempts = await jobs.read_latest_attempts(connection, job_id, MOST_ATTEMPTS)
        states = await jobs.read_states(connection, [job_id])
    return reply(dead_letter_detail(letter, states[0]["state"] if states else None, attempts))


@router.post("/{job_id}/replay", responses=REPLAYED, openapi_extra=schemas.takes(Replay, keyed=True))
async def replay_dead_letter(request: Request, job_id: JobId) -> Response:
    """Let the job run again: the same job, with fresh budgets. Of two callers who saw the same version one wins."""
    backend = backend_of(request)
    said = await body.read_object(request, Replay, backend.settings.payload_bytes + body.ENVELOPE_BYTES)

    async def write(connection: Connection) -> Answer:
        edited = "payload" in said.model_fields_set
        text = await _checked(backend, connection, job_id, said.payload) if edited else None
        moved = await dead_letters.replay(
            connection, job_id, seen_version=said.seen_version, payload=text, **signed(request, said.reason)
        )
        return answer(job((await read_rows(connection, [job_id]))[0]), keys=moved.keys)

    return await perform(request, "replay", job_id, said, write, "jobs", "dead-letters")


@router.post("/{job_id}/discard", responses=DISCARDED, openapi_extra=schemas.takes(Discard, keyed=True))
async def discard_dead_letter(request: Request, job_id: JobId) -> Response:
    """Set a dead letter aside; its job stays FAILED."""
    said = await body.read_object(request, Discard, body.ENVELOPE_BYTES)

    async def write(connection: Connection) -> Answer:
        facts = signed(request, said.reason)
        await dead_letters.discard(connection, job_id, seen_version=said.seen_version, **facts)
        return answer(dead_letter(await dead_letters.read(connection, job_id)))

    return await perform(request, "discard", job_id, said, write, "dead-letters")


async def _checked(backend: Backend, connection: Connection, job_id: UUID, payload: Any) -> str:
    """Return an edited payload as JSON text; raises Invalid when it does not fit the task as it is registered now."""
    text = payload_text(payload, backend.settings.payload_bytes)
    task = (await dead_letters.read(connection, job_id))["task"]
    known = await backend.catalog.lookup(connection, {task})
    if task not in known:
        message = f"no worker has registered the task {task}, so a new payload cannot be checked"
        raise Invalid(message, [{"at": "payload", "message": message}])
    problems = known[task].problems(payload, "payload")
    if problems:
        raise Invalid("the payload does not fit the task", problems)
    return text

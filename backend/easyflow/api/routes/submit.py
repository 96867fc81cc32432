"""Submitting jobs: one, or many in one body."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from easyflow.api import body, schemas
from easyflow.api.backend import Backend, backend_of
from easyflow.api.shapes import job, new_job, reply
from easyflow.domain import document
from easyflow.errors import Invalid
from easyflow.settings import Settings
from easyflow.storage.enqueue import NewTicket, Stored
from easyflow.storage.jobs import read_states
from easyflow.storage.lists import read_rows
from easyflow.submission.door import check, check_one, submit, submit_batch
from easyflow.submission.requests import NewJob

router = APIRouter(tags=["jobs"])

SUBMITTED = {
    200: {"model": schemas.Job | schemas.ExpiredJob},
    **schemas.answers(schemas.Job, *schemas.BODY, 409, status=201),
}
BATCH_SUBMITTED = {
    200: {"model": schemas.BatchSubmitted},
    **schemas.answers(schemas.BatchSubmitted, *schemas.BODY, 409, status=201),
}


class _Batch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    jobs: list[Any]


class NewBatch(BaseModel):
    """Many jobs to be submitted, all or none."""

    model_config = ConfigDict(extra="forbid")

    jobs: list[NewJob] = Field(min_length=1, description="at most 10,000 unless EASYFLOW_BATCH_JOBS says otherwise")


@router.post("/jobs", status_code=201, responses=SUBMITTED, openapi_extra=schemas.takes(NewJob, keyed=True))
async def submit_job(request: Request) -> Response:
    """Store one job. The same `Idempotency-Key` and body again answer 200 with the job that is there already."""
    backend = backend_of(request)
    wanted = await body.read_object(request, NewJob, backend.settings.payload_bytes + body.ENVELOPE_BYTES)
    wanted = _with_key(wanted, body.idempotency_key(request))
    ticket = await _checked(backend, wanted)
    stored = await backend.submit(ticket)
    shown = await _shown(backend, ticket, stored)
    if stored.fresh:
        backend.bell.ring([ticket.queue])
        backend.changes.ring("jobs")
    headers = {"location": f"/api/v1/jobs/{stored.ids[0]}"} | (body.REPLAYED if stored.existing else {})
    return reply(shown, 200 if stored.existing else 201, headers)


@router.post(
    "/jobs/batch", status_code=201, responses=BATCH_SUBMITTED, openapi_extra=schemas.takes_batch(NewJob, NewBatch)
)
async def submit_jobs(request: Request) -> Response:
    """Store many jobs, all or none; the ids answer in order. `Idempotency-Key` covers the batch as a whole."""
    backend = backend_of(request)
    key = body.idempotency_key(request)
    jobs, digest = await _read_batch(request, backend.settings, with_digest=key is not None)
    async with backend.connection() as connection:
        tickets = await check(connection, backend.catalog, jobs, backend.settings, batch=True)
    if key is None:
        stored = await submit(backend.connection, tickets)
    else:
        stored = await submit_batch(backend.connection, tickets, key, digest)
    if stored.fresh:
        backend.bell.ring({ticket.queue for ticket in tickets})
        backend.changes.ring("jobs")
    answer = {"ids": [str(id) for id in stored.ids], "existing": stored.existing}
    before = stored.existing == len(stored.ids)
    return reply(answer, 200 if before else 201, body.REPLAYED if before else None)


async def _checked(backend: Backend, wanted: NewJob) -> NewTicket:
    """Check one job, without a look at the database where its task is known."""
    task = backend.catalog.held(wanted.task)
    if task is not None:
        return check_one(wanted, task, backend.settings)
    async with backend.connection() as connection:
        return (await check(connection, backend.catalog, [wanted], backend.settings))[0]


async def _shown(backend: Backend, ticket: NewTicket, stored: Stored) -> dict[str, Any]:
    """Show the job; only one whose state may have moved on, or that was there before, is read back."""
    if stored.fresh and ticket.key is None:
        return new_job(ticket, stored.fresh[0])
    async with backend.connection() as connection:
        rows = await read_rows(connection, stored.ids)
        ended = [] if rows else await read_states(connection, stored.ids)
    if rows:
        return job(rows[0])
    return {"id": str(stored.ids[0]), "state": ended[0]["state"] if ended else None, "expired": True}


def _with_key(wanted: NewJob, key: str | None) -> NewJob:
    if key is None:
        return wanted
    if wanted.idempotency_key not in (None, key):
        message = f"differs from the header {body.KEY_HEADER}; give one of the two"
        raise Invalid(f"idempotency_key: {message}", [{"at": "idempotency_key", "message": message}])
    return wanted.model_copy(update={"idempotency_key": key})


async def _read_batch(request: Request, settings: Settings, with_digest: bool) -> tuple[list[NewJob], bytes]:
    """Read a batch in either form, and its digest when it is asked for; raises Invalid for none or too many jobs."""
    media = body.expect_type(request, body.JSON, body.NDJSON)
    sent = await body.read(request, settings.batch_bytes)

    def understand() -> tuple[list[NewJob], bytes]:
        values = _lines(sent, settings) if media == body.NDJSON else _members(sent, settings)
        jobs = body.all_fitted(NewJob, islice(values, settings.batch_jobs + 1))
        if not 0 < len(jobs) <= settings.batch_jobs:
            message = f"a batch holds 1 to {settings.batch_jobs} jobs"
            raise Invalid(message, [{"at": "jobs", "message": message}])
        said = [[each.idempotency_key, each.identity()] for each in jobs] if with_digest else None
        return jobs, document.digest(said)

    return await body.in_turn(request, understand, len(sent))


def _members(sent: bytes, settings: Settings) -> Iterator[tuple[str, Any]]:
    batch = body.fitted(_Batch, body.parsed(sent, settings.batch_bytes))
    return ((f"jobs.{number}", value) for number, value in enumerate(batch.jobs))


def _lines(sent: bytes, settings: Settings) -> Iterator[tuple[str, Any]]:
    number = 0
    for line in io.BytesIO(sent):
        if line.strip():
            at = f"jobs.{number}"
            yield at, body.parsed(line, settings.payload_bytes + body.ENVELOPE_BYTES, at)
            number += 1

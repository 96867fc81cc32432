"""Schedules: making, changing and looking at them, and what became of their slots."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from easyflow.api import body, schedule_schemas, schemas
from easyflow.api.acts import answer, perform, signed
from easyflow.api.backend import backend_of
from easyflow.api.queries import LARGEST_PAGE, PAGE_SIZE, NeverNull, NoQuery
from easyflow.api.shapes import listed, raw, reply
from easyflow.domain.schedule import preview
from easyflow.domain.timing import Cron, Timing
from easyflow.storage import schedules
from easyflow.storage.acts import Answer
from easyflow.storage.lists import picture
from easyflow.storage.runs.acts import Caller
from easyflow.storage.scheduled import list_schedules, list_slots, read_detail, shown
from easyflow.storage.sql import Connection
from easyflow.submission.requests import Name, Reason
from easyflow.submission.schedules import (
    MOST_PREVIEWED,
    SHOWN_AT_ONCE,
    Backfill,
    NewSchedule,
    PreviewedTimes,
    ScheduleChange,
    backfill_schedule,
    change_schedule,
    create_schedule,
    read_times,
)

router = APIRouter(prefix="/schedules", tags=["schedules"])

LARGEST_SLOT = 2**63 - 1

ScheduleName = Annotated[Name, Path()]


class ScheduleQuery(BaseModel):
    """Which page of the schedules."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[Name | None, NeverNull()] = Field(None, description="next_cursor of the page before")
    limit: int = Field(PAGE_SIZE, ge=1, le=LARGEST_PAGE)


class SlotQuery(BaseModel):
    """Which page of the slots of a schedule."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[int | None, NeverNull()] = Field(
        None, ge=1, le=LARGEST_SLOT, description="next_cursor of the page before"
    )
    limit: int = Field(PAGE_SIZE, ge=1, le=LARGEST_PAGE)


class PreviewQuery(BaseModel):
    """How many slots to look at."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(SHOWN_AT_ONCE, ge=1, le=MOST_PREVIEWED)


class RemovalQuery(BaseModel):
    """What may be said with a removal."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Reason | None, NeverNull()] = None


class ActOnSchedule(BaseModel):
    """What may be said with an act on a schedule."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason | None = None


Act = Callable[[Connection, Caller], Awaitable[asyncpg.Record]]

CREATED = schemas.answers(schedule_schemas.Schedule, *schemas.BODY, 409, status=201)
ACTED = schemas.answers(schedule_schemas.Schedule, *schemas.BODY, 404, 409)
ACT = schemas.takes(ActOnSchedule, required=False, keyed=True)


@router.get("", responses=schemas.answers(schemas.Listing[schedule_schemas.Schedule]))
async def get_schedules(request: Request, query: Annotated[ScheduleQuery, Query()]) -> Response:
    """List schedules by name, each with its next slot, and what became of the last one."""
    async with backend_of(request).connection() as connection, picture(connection):
        found = await list_schedules(connection, after=query.cursor or "", limit=query.limit)
    return reply(listed(found.rows, found.total, found.after))


@router.post("", status_code=201, responses=CREATED, openapi_extra=schemas.takes(NewSchedule, keyed=True))
async def submit_schedule(request: Request) -> Response:
    """Make a schedule; its first slot is the next one from now on."""
    backend = backend_of(request)
    said = await body.read_object(request, NewSchedule, backend.settings.payload_bytes + body.ENVELOPE_BYTES)

    async def act(connection: Connection, caller: Caller) -> asyncpg.Record:
        return await create_schedule(connection, said, caller, backend.settings)

    return await _perform(request, "create", said.name, said, said.reason, act, status=201)


@router.post(
    "/preview",
    responses=schemas.answers(schedule_schemas.Preview, *schemas.BODY),
    openapi_extra=schemas.takes(PreviewedTimes),
)
async def preview_times(request: Request) -> Response:
    """Show the next slots of times that no schedule has yet, with what changes of the clock do to them."""
    said = await body.read_object(request, PreviewedTimes, body.ENVELOPE_BYTES)
    async with backend_of(request).connection() as connection:
        timing = await read_times(connection, said)
        now = await schedules.clock(connection)
    return await _previewed(timing, now, said.count)


@router.get("/{name}", responses=schemas.answers(schedule_schemas.ScheduleDetail, 404))
async def get_schedule(request: Request, name: ScheduleName, query: Annotated[NoQuery, Query()]) -> Response:
    """Show one schedule with the input of its runs."""
    async with backend_of(request).connection() as connection:
        seen = await read_detail(connection, name)
    return reply({**seen, "input": raw(seen["input"])})


@router.patch("/{name}", responses=ACTED, openapi_extra=schemas.takes(ScheduleChange, keyed=True))
async def patch_schedule(request: Request, name: ScheduleName) -> Response:
    """Change what is named of a schedule; with other times it goes on from now, and nothing is made up for."""
    backend = backend_of(request)
    said = await body.read_object(request, ScheduleChange, backend.settings.payload_bytes + body.ENVELOPE_BYTES)

    async def act(connection: Connection, caller: Caller) -> asyncpg.Record:
        return await change_schedule(connection, name, said, caller, backend.settings)

    return await _perform(request, "change", name, said, said.reason, act)


@router.delete(
    "/{name}",
    responses=schemas.answers(schedule_schemas.RemovedSchedule, 404, 409),
    openapi_extra={"parameters": ACT["parameters"]},
)
async def remove_schedule(request: Request, name: ScheduleName, query: Annotated[RemovalQuery, Query()]) -> Response:
    """Remove a schedule with all that is written down of its slots; runs it has started go on."""

    async def write(connection: Connection) -> Answer:
        await schedules.delete(connection, name, Caller(**signed(request, query.reason)))
        return answer({"name": name, "removed": True})

    return await perform(request, "remove schedule", name, query, write, "runs")


@router.post("/{name}/pause", responses=ACTED, openapi_extra=ACT)
async def pause_schedule(request: Request, name: ScheduleName) -> Response:
    """Start nothing more by a schedule; runs that are live go on."""
    said = await body.read_object(request, ActOnSchedule, body.ENVELOPE_BYTES, optional=True)
    return await _perform(
        request, "pause", name, said, said.reason, lambda connection, by: schedules.pause(connection, name, by)
    )


@router.post("/{name}/resume", responses=ACTED, openapi_extra=ACT)
async def resume_schedule(request: Request, name: ScheduleName) -> Response:
    """Let a paused schedule go on with its next slot; what came meanwhile is missed, and can be backfilled."""
    said = await body.read_object(request, ActOnSchedule, body.ENVELOPE_BYTES, optional=True)
    return await _perform(
        request, "resume", name, said, said.reason, lambda connection, by: schedules.resume(connection, name, by)
    )


@router.post(
    "/{name}/backfill",
    responses=schemas.answers(schedule_schemas.Backfilled, *schemas.BODY, 404, 409),
    openapi_extra=schemas.takes(Backfill, keyed=True),
)
async def fill_schedule(request: Request, name: ScheduleName) -> Response:
    """Start a run for each slot of a range that has none; where runs may not overlap, one after the other."""
    said = await body.read_object(request, Backfill, body.ENVELOPE_BYTES)
    queues: set[str] = set()

    async def write(connection: Connection) -> Answer:
        filled = await backfill_schedule(connection, name, said, Caller(**signed(request, said.reason)))
        queues.update(filled.queues)
        done = filled.backfilled
        told = {"slots": done.slots, "runs": done.started, "waiting": done.waiting, "more": done.more}
        return answer({"dry_run": said.dry_run, **told})

    answered = await perform(request, "backfill schedule", name, said, write, "runs", "jobs")
    backend_of(request).bell.ring(queues)
    return answered


@router.get("/{name}/slots", responses=schemas.answers(schemas.Listing[schedule_schemas.ScheduleSlot], 404))
async def get_schedule_slots(request: Request, name: ScheduleName, query: Annotated[SlotQuery, Query()]) -> Response:
    """List what became of a schedule's slots, written down last first."""
    async with backend_of(request).connection() as connection, picture(connection):
        found = await list_slots(connection, name, before=query.cursor, limit=query.limit)
    return reply(listed(found.rows, found.total, None if found.before is None else str(found.before)))


@router.get("/{name}/preview", responses=schemas.answers(schedule_schemas.Preview, 404))
async def preview_schedule(request: Request, name: ScheduleName, query: Annotated[PreviewQuery, Query()]) -> Response:
    """Show the next slots of a schedule, also while it is paused, with what changes of the clock do to them."""
    async with backend_of(request).connection() as connection, picture(connection):
        timing = schedules.timing_of(await schedules.read(connection, name))
        now = await schedules.clock(connection)
    return await _previewed(timing, now, query.count)


async def _perform(
    request: Request, word: str, name: str, said: BaseModel, reason: str | None, act: Act, *, status: int = 200
) -> Response:
    """Carry out one act on a schedule, which is answered as it is then."""

    async def write(connection: Connection) -> Answer:
        return answer(shown(await act(connection, Caller(**signed(request, reason)))), status)

    return await perform(request, f"{word} schedule", name, said, write, "runs")


async def _previewed(timing: Timing, now: datetime, count: int) -> Response:
    # In a thread: a hundred slots of a rare day are far apart.
    found = await asyncio.to_thread(preview, timing, now, count)
    slots = [{"slot": slot.at, "local": slot.local, "change": slot.change, "note": slot.note} for slot in found]
    return reply({"zone": timing.zone if isinstance(timing, Cron) else "UTC", "slots": slots})

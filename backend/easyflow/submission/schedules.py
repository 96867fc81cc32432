"""The door for schedules: made and changed only when their times, workflow and input fit, and backfilled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StrictBool

from easyflow.domain import document
from easyflow.domain.due import MOST_CAUGHT_UP, CatchUp, Overlap
from easyflow.domain.timing import LONGEST_INTERVAL_SECONDS, Cron, Every, Once, Timing, read_timing
from easyflow.errors import Conflict, Invalid, Missing
from easyflow.settings import Settings
from easyflow.storage import schedules
from easyflow.storage.backfill import MOST_BACKFILLED, Backfilled, backfill
from easyflow.storage.runs.acts import Caller
from easyflow.storage.schedules import Plan
from easyflow.storage.sql import Connection
from easyflow.submission.requests import MOST_TAGS, Name, NearMoment, Reason, Tag, Whole
from easyflow.submission.runs import NewRun, find_definition
from easyflow.submission.scheduled_runs import ScheduledRuns

MOST_PREVIEWED = 100
SHOWN_AT_ONCE = 10
LARGEST_VERSION = 2**31 - 1

Instant = Annotated[NearMoment, PlainSerializer(lambda moment: moment.isoformat())]
CatchUpLimit = Annotated[Whole, Field(ge=1, le=MOST_CAUGHT_UP)]
Tags = Annotated[list[Tag], Field(max_length=MOST_TAGS)]


class Times(BaseModel):
    """When a schedule is due: exactly one of cron, every_seconds and at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cron: str | None = Field(None, description="five fields, such as 30 2 * * MON-FRI, or @hourly to @yearly")
    zone: str | None = Field(None, description="whose clock cron follows, such as Europe/Berlin; default: UTC")
    every_seconds: Annotated[Whole, Field(ge=1, le=LONGEST_INTERVAL_SECONDS)] | None = None
    start: Instant | None = Field(None, description="where every_seconds begins to count; default: now")
    at: Instant | None = Field(None, description="one time; RFC 3339 with offset")


class NewSchedule(Times):
    """A schedule to be made."""

    name: Name
    workflow: Name = Field(description="name of a registered workflow; each slot starts its newest version")
    input: Any = Field(default_factory=dict, description="JSON that fits the workflow's input schema")
    tags: Tags = Field(default_factory=list)
    overlap: Overlap = Field(Overlap.SKIP, description="what becomes of a slot while a run of this schedule is live")
    catch_up: CatchUp = Field(CatchUp.LAST, description="what becomes of slots that came while no worker was there")
    catch_up_limit: CatchUpLimit = Field(100, description="how many slots catch_up: all makes up for")
    paused: StrictBool = Field(False, description="it begins only when it is resumed")
    reason: Reason | None = None


class ScheduleChange(Times):
    """What to change of a schedule; what is left out stays."""

    seen_version: Annotated[Whole, Field(ge=1, le=LARGEST_VERSION, description="the version the caller looked at")]
    workflow: Name | None = None
    input: Any = None
    tags: Tags | None = None
    overlap: Overlap | None = None
    catch_up: CatchUp | None = None
    catch_up_limit: CatchUpLimit | None = None
    reason: Reason | None = None


class Backfill(BaseModel):
    """Which slots that passed without a run get one now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: Instant = Field(alias="from", description="the first slot, or a time before it")
    until: Instant = Field(description="the last slot, or a time behind it")
    limit: Annotated[Whole, Field(ge=1, le=MOST_BACKFILLED)] = Field(MOST_BACKFILLED, description="most slots")
    dry_run: StrictBool = Field(False, description="only tell which slots these are")
    reason: Reason | None = None


class PreviewedTimes(Times):
    """Times to be looked at before a schedule has them."""

    count: Annotated[Whole, Field(ge=1, le=MOST_PREVIEWED)] = SHOWN_AT_ONCE


@dataclass(frozen=True, slots=True)
class Filled:
    """What a backfill did, and the queues that got jobs."""

    backfilled: Backfilled
    queues: frozenset[str]


async def create_schedule(
    connection: Connection, wanted: NewSchedule, caller: Caller, limits: Settings
) -> asyncpg.Record:
    """Make a schedule, in the caller's transaction; returns it as `storage.schedules.read` does.

    Raises Invalid naming each place: times, an unknown workflow, an input that does not fit its newest version;
    TooLarge, and Conflict when there is one of this name.
    """
    plan = Plan(
        wanted.workflow,
        await read_times(connection, wanted),
        await _fitting_input(connection, wanted.workflow, wanted.input, limits),
        tuple(sorted(set(wanted.tags))),
        wanted.overlap,
        wanted.catch_up,
        wanted.catch_up_limit,
    )
    made = await schedules.create(connection, wanted.name, plan, caller)
    return await schedules.pause(connection, wanted.name, caller) if wanted.paused else made


async def change_schedule(
    connection: Connection, name: str, wanted: ScheduleChange, caller: Caller, limits: Settings
) -> asyncpg.Record:
    """Change what is named of a schedule, in the caller's transaction; returns it as `storage.schedules.read` does.

    Raises as `create_schedule`, Missing, and Stale when someone changed it since `seen_version`.
    """
    row = await schedules.lock(connection, name, wanted.seen_version)
    named = wanted.model_fields_set - {"seen_version", "reason"}
    if not named:
        raise _invalid("body", "say what is to be changed")
    said = {word: getattr(wanted, word) for word in ("workflow", "overlap", "catch_up", "catch_up_limit")}
    plan = Plan(
        row["workflow"],
        schedules.timing_of(row),
        row["input"],
        tuple(row["tags"]),
        Overlap(row["overlap"]),
        CatchUp(row["catch_up"]),
        row["catch_up_limit"],
    )
    plan = replace(plan, **{word: value for word, value in said.items() if value is not None})
    if wanted.tags is not None:
        plan = replace(plan, tags=tuple(sorted(set(wanted.tags))))
    if named & set(Times.model_fields):
        plan = replace(plan, timing=await read_times(connection, _merged(wanted, plan.timing)))
    if named & {"workflow", "input"}:
        stored = document.parse(plan.input, max_bytes=schedules.INPUT_BYTES)
        value = wanted.input if "input" in named else stored
        plan = replace(plan, input=await _fitting_input(connection, plan.workflow, value, limits))
    return await schedules.change(connection, name, plan, caller, seen_version=wanted.seen_version)


async def backfill_schedule(connection: Connection, name: str, wanted: Backfill, caller: Caller) -> Filled:
    """Start the runs of slots that passed without one, in the caller's transaction, as `storage.backfill.backfill`.

    Raises Conflict when its workflow is not registered, and Invalid when its input does not fit it any more.
    """
    runs = ScheduledRuns()

    async def start(
        connection: Connection, workflow: str, input: Any, /, *, tags: Sequence[str], schedule: str, slot: datetime
    ) -> UUID:
        try:
            return await runs.start(connection, workflow, input, tags=tags, schedule=schedule, slot=slot)
        except Missing as missing:
            raise Conflict(f"{missing.message}, so nothing can be started; register it first") from None

    done = await backfill(
        connection, name, wanted.first, wanted.until, start, caller, limit=wanted.limit, dry_run=wanted.dry_run
    )
    return Filled(done, frozenset(told["queue"] for told in await runs.committed(connection)))


async def read_times(connection: Connection, wanted: Times) -> Timing:
    """Return what was said of times; an interval begins now where nothing else is said.

    Raises Invalid with every problem and its place.
    """
    if sum(each is not None for each in (wanted.cron, wanted.every_seconds, wanted.at)) != 1:
        raise _invalid("cron", "say exactly one of cron, every_seconds and at")
    if wanted.every_seconds is None:
        if wanted.start is not None:
            raise _invalid("start", "only every_seconds has a start; leave it out")
        return read_timing(cron=wanted.cron, zone=wanted.zone, at=wanted.at)
    start = wanted.start or (await schedules.clock(connection)).replace(microsecond=0)
    return read_timing(every_seconds=wanted.every_seconds, zone=wanted.zone, at=start)


def _merged(wanted: ScheduleChange, timing: Timing) -> Times:
    """Return what a change says of times, with what stays of the present ones of the same kind."""
    said = {word: getattr(wanted, word) for word in Times.model_fields}
    kinds = [word for word in ("cron", "every_seconds", "at") if said[word] is not None]
    match timing:
        case Cron(expression, zone) if kinds in ([], ["cron"]):
            stays: dict[str, Any] = {"cron": expression, "zone": zone}
        case Every(seconds, start) if kinds in ([], ["every_seconds"]):
            stays = {"every_seconds": seconds, "start": start}
        case Once(at) if kinds in ([], ["at"]):
            stays = {"at": at}
        case _:
            stays = {}
    return Times.model_construct(**{**said, **{word: said[word] or value for word, value in stays.items()}})


async def _fitting_input(connection: Connection, workflow: str, value: Any, limits: Settings) -> str:
    """Return an input as JSON text; raises as `create_schedule`."""
    document.check(value, max_bytes=limits.payload_bytes, at="input")
    text = document.dumps(value, max_bytes=limits.payload_bytes, at="input")
    await find_definition(connection, NewRun.model_construct(workflow=workflow, version=None, input=value))
    return text


def _invalid(place: str, message: str) -> Invalid:
    return Invalid(f"the schedule does not fit: {message}", [{"at": place, "message": message}])

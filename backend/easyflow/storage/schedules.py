"""Schedules: what they say, and the acts on them. Each act is audited, in the caller's transaction."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from easyflow.domain import document
from easyflow.domain.due import MOST_CAUGHT_UP, Action, CatchUp, Decision, Overlap, passed_over
from easyflow.domain.schedule import upcoming
from easyflow.domain.timing import Cron, Every, Once, Timing
from easyflow.errors import Conflict, Invalid, Missing, Stale
from easyflow.storage.runs.acts import Caller
from easyflow.storage.sql import Connection, statement

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
NEWEST = 2**63 - 1
# As PostgreSQL writes it: longer than what was checked when it came in.
INPUT_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Plan:
    """All that can be said of a schedule; `input` is JSON text, checked by the caller."""

    workflow: str
    timing: Timing
    input: str = "null"
    tags: tuple[str, ...] = ()
    overlap: Overlap = Overlap.SKIP
    catch_up: CatchUp = CatchUp.LAST
    catch_up_limit: int = 100


async def create(connection: Connection, name: str, plan: Plan, caller: Caller) -> asyncpg.Record:
    """Store a schedule; its first slot is the next one from now on. Whether its workflow exists, each slot finds out.

    Returns it as `read` does. Raises Conflict when there is one of this name, Invalid for a name or times that
    do not fit, or when no slot is left.
    """
    _check(name, plan)
    first = next(upcoming(plan.timing, await clock(connection)), None)
    if first is None:
        raise _passed()
    created = await statement("create_schedule").fetchrow(connection, name=name, **_columns(plan), next_slot=first.at)
    if created is None:
        raise Conflict("there is a schedule of this name already; change that one, or take another name")
    await _audit(connection, "create schedule", name, caller, None, {**_told(plan), "next_slot": _text(first.at)})
    return await read(connection, name)


async def change(connection: Connection, name: str, plan: Plan, caller: Caller, *, seen_version: int) -> asyncpg.Record:
    """Give a schedule a new plan as a whole; returns it as `read` does.

    With other times it goes on from now: a slot of the old ones that was due and not started is written down as
    missed. Raises Missing, Invalid as `create` does, and Stale when someone changed it since.
    """
    _check(name, plan)
    row = await lock(connection, name, seen_version)
    next_slot, last_slot = row["next_slot"], row["last_slot"]
    if plan.timing != timing_of(row):
        why = _paused_text(row) if row["paused"] else "the schedule got other times before it was started"
        next_slot, last_slot = await _pass_over(connection, row, why, plan.timing)
        if next_slot is None:
            raise _passed()
    await statement("change_schedule").fetch(
        connection, name=name, **_columns(plan), next_slot=next_slot, last_slot=last_slot
    )
    said = {**_told(plan), "version": row["version"] + 1, "input_changed": _digest(row["input"]) != _digest(plan.input)}
    await _audit(connection, "change schedule", name, caller, _told_of(row), said)
    return await read(connection, name)


async def pause(connection: Connection, name: str, caller: Caller) -> asyncpg.Record:
    """Start nothing more by this schedule; runs that are live go on, slots that wait keep waiting.

    Returns it as `read` does. Raises Missing, and Conflict when it is paused already.
    """
    row = await lock(connection, name)
    if row["paused"]:
        raise Conflict("the schedule is paused already", version=row["version"])
    return await _set_paused(connection, row, caller, paused=True)


async def resume(connection: Connection, name: str, caller: Caller) -> asyncpg.Record:
    """Let a paused schedule go on with its next slot from now; what came meanwhile is written down as missed.

    Whatever its catch-up policy, nothing of that is started; backfill it. Raises Missing, Conflict when not paused.
    """
    row = await lock(connection, name)
    if not row["paused"]:
        raise Conflict("the schedule is not paused", version=row["version"])
    return await _set_paused(connection, row, caller, paused=False)


async def delete(connection: Connection, name: str, caller: Caller) -> None:
    """Remove a schedule with all that is written down of its slots; runs it has started go on. Raises Missing."""
    row = await lock(connection, name)
    await statement("remove_schedule").fetch(connection, name=name)
    await _audit(connection, "delete schedule", name, caller, _told_of(row), None)


async def read(connection: Connection, name: str) -> asyncpg.Record:
    """Return one schedule, and how many of its slots wait; raises Missing."""
    row = await statement("read_schedule").fetchrow(connection, name=name)
    if row is None:
        raise Missing(f"there is no schedule {name}")
    return row


async def list_all(connection: Connection, *, after: str = "", limit: int = 100) -> list[asyncpg.Record]:
    """Return up to `limit` schedules behind a name, by name, each with what last became of a slot."""
    return await statement("list_schedules").fetch(connection, after=after, max_schedules=limit)


async def list_slots(
    connection: Connection, name: str, *, before: int = NEWEST, limit: int = 100
) -> list[asyncpg.Record]:
    """Return what became of a schedule's slots, written down last first; `before` is the id the page before ended with.

    A missed row stands for all slots up to its `last_slot`; `slots` says how many, None for more than 5,000.
    """
    return await statement("list_schedule_slots").fetch(connection, schedule=name, before=before, max_slots=limit)


async def lock(connection: Connection, name: str, seen_version: int | None = None) -> asyncpg.Record:
    """Return a schedule with the time, locked until the caller's transaction ends.

    Raises Missing, and Stale when it is not at `seen_version` any more.
    """
    row = await statement("lock_schedule").fetchrow(connection, name=name)
    if row is None:
        raise Missing(f"there is no schedule {name}")
    if seen_version not in (None, row["version"]):
        raise Stale(f"the schedule is at version {row['version']} now, not {seen_version}", version=row["version"])
    return row


async def clock(connection: Connection) -> datetime:
    """Return the time by which schedules go."""
    row = await statement("read_clock").fetchrow(connection)
    assert row is not None
    now: datetime = row["now"]
    return now


def timing_of(row: asyncpg.Record) -> Timing:
    """Return the times of a schedule's row, which were checked when they were stored."""
    if row["cron"] is not None:
        return Cron(row["cron"], row["zone"])
    return Once(row["at"]) if row["every_seconds"] is None else Every(row["every_seconds"], row["at"])


async def record_missed(connection: Connection, name: str, missed: list[Decision]) -> None:
    """Write down slots that were missed, and why."""
    for each in missed:
        assert each.action is Action.MISS
        await statement("record_slot").fetch(
            connection,
            schedule=name,
            slot=each.slot,
            last_slot=each.last,
            slots=each.count,
            outcome="missed",
            detail=each.note,
        )


async def _set_paused(connection: Connection, row: asyncpg.Record, caller: Caller, *, paused: bool) -> asyncpg.Record:
    next_slot, last_slot = row["next_slot"], row["last_slot"]
    if not paused:
        next_slot, last_slot = await _pass_over(connection, row, _paused_text(row), timing_of(row))
    await statement("pause_schedule").fetch(
        connection,
        name=row["name"],
        paused=paused,
        reason=caller.reason if paused else None,
        next_slot=next_slot,
        last_slot=last_slot,
    )
    act = "pause schedule" if paused else "resume schedule"
    said = {"version": row["version"] + 1, "paused": paused, "next_slot": _text(next_slot)}
    await _audit(connection, act, row["name"], caller, {"version": row["version"], "paused": not paused}, said)
    return await read(connection, row["name"])


async def _pass_over(
    connection: Connection, row: asyncpg.Record, why: str, then: Timing
) -> tuple[datetime | None, datetime | None]:
    """Write down that what is due was missed; returns the next slot by the times of `then`, and the last one passed."""
    missed = passed_over(timing_of(row), row["next_slot"], row["now"], why)
    await record_missed(connection, row["name"], missed)
    last_slot = missed[-1].last if missed else row["last_slot"]
    # A clock that was set back does not bring a slot back.
    following = next(upcoming(then, max(row["now"], last_slot or row["now"])), None)
    return following.at if following else None, last_slot


def _passed() -> Invalid:
    return Invalid("this time has passed", [{"at": "at", "message": "this time has passed; give a later one"}])


def _check(name: str, plan: Plan) -> None:
    problems = []
    if not NAME.fullmatch(name):
        said = "a name has up to 200 letters, digits, dots, dashes and underscores, and begins with a letter or digit"
        problems.append({"at": "name", "message": said})
    if not 1 <= plan.catch_up_limit <= MOST_CAUGHT_UP:
        problems.append({"at": "catch_up_limit", "message": f"give a number from 1 to {MOST_CAUGHT_UP}"})
    if problems:
        raise Invalid(f"the schedule does not fit: {problems[0]['message']}", problems)


def _columns(plan: Plan) -> dict[str, Any]:
    return {
        "workflow": plan.workflow,
        "input": plan.input,
        "tags": list(plan.tags),
        "overlap": plan.overlap,
        "catch_up": plan.catch_up,
        "catch_up_limit": plan.catch_up_limit,
        **_times(plan.timing),
    }


def _times(timing: Timing) -> dict[str, Any]:
    said: dict[str, Any] = {"cron": None, "zone": None, "every_seconds": None, "at": None}
    match timing:
        case Cron(expression, zone):
            said |= {"cron": expression, "zone": zone}
        case Every(seconds, start):
            said |= {"every_seconds": seconds, "at": start}
        case Once(at):
            said |= {"at": at}
    return said


def _told(plan: Plan) -> dict[str, Any]:
    """Return what the audit says of a plan; an input may be long."""
    said = {word: value for word, value in _columns(plan).items() if value is not None and word != "input"}
    return {word: _text(value) if isinstance(value, datetime) else value for word, value in said.items()}


def _told_of(row: asyncpg.Record) -> dict[str, Any]:
    words = ("version", "workflow", "tags", "cron", "zone", "every_seconds", "overlap", "catch_up", "catch_up_limit")
    times = {word: _text(row[word]) for word in ("at", "next_slot") if row[word] is not None}
    return {word: row[word] for word in words if row[word] is not None} | times


def _paused_text(row: asyncpg.Record) -> str:
    return f"the schedule was paused: {row['paused_reason']}" if row["paused_reason"] else "the schedule was paused"


def _digest(text: str) -> bytes:
    return document.digest(document.parse(text, max_bytes=INPUT_BYTES))


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


async def _audit(
    connection: Connection,
    act: str,
    name: str,
    caller: Caller,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    await statement("record_audit").fetch(
        connection,
        actor=caller.actor,
        act=act,
        object_kind="schedule",
        object_id=name,
        reason=caller.reason,
        before=None if before is None else json.dumps(before),
        after=None if after is None else json.dumps(after),
        request_id=caller.request_id,
    )

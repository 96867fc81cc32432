"""Looking at schedules: by name, each with what last became of a slot, and slot by slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from easyflow.storage import schedules
from easyflow.storage.composing import COUNTED_AT_MOST, Total
from easyflow.storage.sql import Connection, statement

_TOLD = (
    "name", "workflow", "tags", "cron", "zone", "every_seconds", "overlap", "catch_up", "catch_up_limit", "paused",
    "paused_reason", "version", "last_slot", "created_at", "updated_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SchedulePage:
    """Some schedules by name, as `shown`; `after` is where the next page begins, None at the end."""

    rows: list[dict[str, Any]]
    after: str | None
    total: Total


@dataclass(frozen=True, slots=True)
class SlotPage:
    """What became of some slots, written down last first; `before` is where the next page begins, None at the end."""

    rows: list[dict[str, Any]]
    before: int | None
    total: Total


def shown(row: Mapping[str, Any] | asyncpg.Record) -> dict[str, Any]:
    """Return a schedule of `schedules.read` or of a list as people and programs see it, without its input.

    `start` is where an interval begins, `at` the one time. `next_slot` is None while it is paused, as nothing comes
    then; `latest` is what was last written down of a slot, None before the first.
    """
    interval = row["every_seconds"] is not None
    return {
        **{name: row[name] for name in _TOLD},
        "start": row["at"] if interval else None,
        "at": None if interval else row["at"],
        "next_slot": None if row["paused"] else row["next_slot"],
        "latest": None if row["latest_slot"] is None else _latest(row),
    }


async def read_detail(connection: Connection, name: str) -> dict[str, Any]:
    """Return one schedule as `shown`, with its input as JSON text and how many slots wait; raises Missing."""
    row = await schedules.read(connection, name)
    return {**shown(row), "input": row["input"], "waiting": row["waiting"]}


async def list_schedules(connection: Connection, *, after: str, limit: int) -> SchedulePage:
    """Return up to `limit` schedules with names behind `after`."""
    rows = await schedules.list_all(connection, after=after, limit=limit + 1)
    found = [shown(row) for row in rows[:limit]]
    counted = await statement("count_schedules").fetchrow(connection, most=COUNTED_AT_MOST + 1)
    return SchedulePage(found, found[-1]["name"] if len(rows) > limit else None, _total(counted))


async def list_slots(connection: Connection, name: str, *, before: int | None, limit: int) -> SlotPage:
    """Return up to `limit` of a schedule's slots, written down before `before` if that is given; raises Missing.

    A missed row stands for all slots up to its `last_slot`; `slots` says how many, None for more than 5,000.
    """
    await schedules.read(connection, name)
    before = schedules.NEWEST if before is None else before
    rows = await schedules.list_slots(connection, name, before=before, limit=limit + 1)
    told = ("slot", "last_slot", "slots", "at", "outcome", "detail", "backfill", "run_id", "run_state")
    found = [{name: row[name] for name in told} for row in rows[:limit]]
    counted = await statement("count_schedule_slots").fetchrow(connection, schedule=name, most=COUNTED_AT_MOST + 1)
    return SlotPage(found, rows[limit - 1]["id"] if len(rows) > limit else None, _total(counted))


def _latest(row: Mapping[str, Any] | asyncpg.Record) -> dict[str, Any]:
    return {name: row[f"latest_{name}"] for name in ("slot", "outcome", "detail", "run_id", "run_state")}


def _total(counted: asyncpg.Record | None) -> Total:
    value = counted["value"] if counted else 0
    return Total(value, "exact") if value <= COUNTED_AT_MOST else Total(COUNTED_AT_MOST, "capped")

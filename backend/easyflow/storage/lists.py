"""Lists for people and programs: a page of ids found by filter, newest first, then everything else about them by id.

No list joins `job_states`: the planner flattens the view into a hash join of everything (420 ms against 1 ms at a
million jobs). With a state the page comes from that state's own table, with a tag from the tags.

The statements are composed with SQLAlchemy Core and run on the API's asyncpg pool: one pool is one bound on the
connections of a process and one place where a lost database is noticed, and a held connection costs a tenth of a
checkout through an AsyncEngine. Each shape of filter is compiled once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal
from uuid import UUID

import asyncpg
from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    literal,
    select,
    true,
)

from easyflow.domain.states import PARKED, State
from easyflow.errors import StorageUnavailable
from easyflow.storage import tables
from easyflow.storage.composing import Query, Total, allow, first_id, given_text, of_run, since, word
from easyflow.storage.jobs import read_states
from easyflow.storage.runs.naming import step_names
from easyflow.storage.sql import Connection, statement

LIST_SECONDS = 5.0

# Found by the planner only when the statement says it: partial indexes carry these words.
DeadLetterState = Literal["open", "discarded", "replayed"]


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list; `created_after` is read from the job's id, to the millisecond."""

    state: State | None = None
    task: str | None = None
    queue: str | None = None
    tag: str | None = None
    created_after: datetime | None = None
    run_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters to list."""

    state: DeadLetterState = "open"
    task: str | None = None
    queue: str | None = None
    tag: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest job first; `after` is where the next page begins, None at the end."""

    rows: list[dict[str, Any]]
    after: UUID | None
    total: Total


async def list_jobs(connection: Connection, wanted: JobFilter, *, after: UUID | None, limit: int) -> Page:
    """Return up to `limit` jobs without payloads, newest first, behind the job `after`.

    Pages are complete under inserts: each begins where the one before ended. The page is one picture: a job listed
    under a state is shown in it. Rows are as `read_rows` returns them. Raises StorageUnavailable after five seconds.
    """
    query = _jobs_query(
        wanted.state, wanted.task is None, wanted.queue is None, wanted.tag is None, wanted.run_id is None
    )
    given = {"task": wanted.task, "queue": wanted.queue, "tag": wanted.tag, "run_id": wanted.run_id}
    given["since"] = first_id(wanted.created_after)
    async with picture(connection):
        found = await query.page(connection, given, after, limit)
        rows = await read_rows(connection, [row[0] for row in found[:limit]])
        total = await query.count(connection, given, len(rows))
    return Page(rows, found[limit - 1][0] if len(found) > limit else None, total)


async def list_dead_letters(
    connection: Connection, wanted: DeadLetterFilter, *, after: UUID | None, limit: int
) -> Page:
    """Return up to `limit` dead letters without payload and traceback, newest job first; else as `list_jobs`."""
    query = _letters_query(
        wanted.state, wanted.task is None, wanted.queue is None, wanted.tag is None, wanted.reason is None
    )
    given = {"task": wanted.task, "queue": wanted.queue, "tag": wanted.tag, "reason": wanted.reason}
    async with picture(connection):
        found = await query.page(connection, given, after, limit)
        rows = [dict(row) for row in found[:limit]]
        total = await query.count(connection, given, len(rows))
    return Page(rows, rows[-1]["job_id"] if len(found) > limit else None, total)


async def read_rows(connection: Connection, job_ids: list[UUID]) -> list[dict[str, Any]]:
    """Return what a list shows of these jobs, newest first: `read_jobs` and `read_states` in one row each.

    Two statements for any number of jobs, and two more where some belong to runs. Run it inside `picture` when they
    must agree.
    """
    if not job_ids:
        return []
    states = {row["job_id"]: row for row in await read_states(connection, job_ids)}
    facts = await statement("read_jobs").fetch(connection, job_ids=job_ids)
    steps = await step_names(connection, facts)
    return [_row(job, states[job["id"]], step) for job, step in zip(facts, steps, strict=True) if job["id"] in states]


@asynccontextmanager
async def picture(connection: Connection) -> AsyncIterator[None]:
    """Let several statements see one unchanging picture; none may write, or take longer than five seconds.

    Raises StorageUnavailable for one that does.
    """
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await allow(connection, LIST_SECONDS)
            yield
    except asyncpg.QueryCanceledError:
        raise StorageUnavailable(f"this takes longer than {LIST_SECONDS:g} s; ask for less with more filters") from None


def _row(job: asyncpg.Record, place: asyncpg.Record, step: str | None) -> dict[str, Any]:
    row = {**job, "step": step}
    row |= {name: place[name] for name in ("state", "queue", "priority", "retry_count", "finished_at")}
    row["run_at"] = place["run_at"] or job["run_at"]
    if place["state"] == State.IN_DOUBT:
        row["version"] = place["lease_no"]
    row["started_at"] = place["since"] if place["state"] == State.RUNNING else job["began_at"]
    return row


@cache
def _jobs_query(state: State | None, any_task: bool, any_queue: bool, any_tag: bool, any_run: bool = True) -> Query:
    source, id_column = _home(state)
    matches = [] if state is None or "state" not in source.c else [source.c.state == word(state)]
    matches += [] if any_task else [source.c.task == given_text("task")]
    matches += [] if any_queue else [source.c.queue == given_text("queue")]
    if not any_run:
        return of_run(source, id_column, matches, any_tag=any_tag)
    if any_tag:
        return Query(select(id_column).where(*matches, id_column >= since()), id_column)
    tags = tables.job_tags
    # Lateral with a limit can only be planned as: walk the tag's jobs in order, look each one up.
    place = (
        select(id_column.label("job_id"))
        .where(id_column == tags.c.job_id, *matches)
        .limit(literal(1, literal_execute=True))
        .lateral("place")
    )
    tagged = select(tags.c.job_id).select_from(tags.join(place, true()))
    return Query(tagged.where(tags.c.tag == given_text("tag"), tags.c.job_id >= since()), tags.c.job_id)


@cache
def _letters_query(state: DeadLetterState, any_task: bool, any_queue: bool, any_tag: bool, any_reason: bool) -> Query:
    letters = tables.dead_letters
    matches: list[ColumnElement[bool]] = [letters.c.state == word(state)]
    matches += [] if any_task else [letters.c.task == given_text("task")]
    matches += [] if any_queue else [letters.c.queue == given_text("queue")]
    matches += [] if any_tag else [given_text("tag") == letters.c.tags.any_()]
    matches += [] if any_reason else [letters.c.reason == given_text("reason")]
    return Query(select(letters).where(*matches), letters.c.job_id)


def _home(state: State | None) -> tuple[Table, Column[Any]]:
    """Return the table in which all jobs of a state are, and its id column."""
    if state is None:
        return tables.jobs, tables.jobs.c.id
    homes = {State.READY: tables.ready, State.RUNNING: tables.leases, **dict.fromkeys(PARKED, tables.parked)}
    table = homes.get(state, tables.finished)
    return table, table.c.job_id

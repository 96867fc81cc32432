"""Single jobs: reading one, and the acts on one by its id."""

from __future__ import annotations

import json
from typing import Literal, NamedTuple
from uuid import UUID

import asyncpg

from easyflow.domain.states import TERMINAL, State
from easyflow.domain.workflow.states import StepState
from easyflow.errors import Conflict, Missing, StorageUnavailable
from easyflow.storage.admission import Key, keys_of
from easyflow.storage.runs.endings import after_all
from easyflow.storage.sql import Connection, statement

LOOKS = 50


async def read(connection: Connection, job_id: UUID) -> asyncpg.Record:
    """Return a job's facts and its one place, in one picture; raises Missing."""
    row = await statement("read_job").fetchrow(connection, job_id=job_id)
    if row is None:
        raise Missing(f"there is no job {job_id}")
    return row


async def read_states(connection: Connection, job_ids: list[UUID]) -> list[asyncpg.Record]:
    """Return where some jobs are, in no order; see read_states.sql."""
    return await statement("read_states").fetch(connection, job_ids=job_ids)


async def read_attempts(connection: Connection, job_ids: list[UUID]) -> list[asyncpg.Record]:
    """Return the attempts of some jobs, by job and then oldest first."""
    return await statement("read_attempts").fetch(connection, job_ids=job_ids)


async def read_latest_attempts(connection: Connection, job_id: UUID, max_attempts: int) -> list[asyncpg.Record]:
    """Return the last attempts of one job that ended, oldest first."""
    rows = await statement("read_latest_attempts").fetch(connection, job_id=job_id, max_attempts=max_attempts)
    return rows[::-1]


class Moved(NamedTuple):
    """What became of a job by an act, and its queue where there is more to do in it now.

    Once that is committed, others of its `keys` may go on: admit them.
    """

    outcome: Literal["cancelled", "requested", "run now", "replayed"]
    queue: str | None
    keys: set[Key]


async def cancel(
    connection: Connection, job_id: UUID, *, actor: str, reason: str | None, request_id: str | None = None
) -> Moved:
    """Cancel a job in the caller's transaction: at once when nobody runs it, else by asking its executor to stop.

    Asking twice is the same as asking once; a cancelled job answers "cancelled" again. Raises Missing, and Conflict
    when the job ended otherwise.
    The ticket may move between two looks, so it looks again with a fresh statement until it has found it: one
    statement over all tables found a moving job in none of them 158 times in 12,166.
    """
    for _ in range(LOOKS):
        waiting = await statement("cancel_waiting_job").fetch(connection, job_id=job_id)
        if waiting:
            await _record(connection, job_id, "cancel", "cancelled", actor, reason, request_id)
            await after_all(connection, {job_id: StepState.CANCELLED})
            return Moved("cancelled", str(waiting[0]["queue"]), keys_of(waiting))
        running = await statement("request_cancel").fetch(connection, job_id=job_id)
        if running:
            if not running[0]["already"]:
                await _record(connection, job_id, "cancel", "cancel requested", actor, reason, request_id)
            return Moved("requested", None, set())
        state = State((await read(connection, job_id))["state"] or State.READY)
        if state is State.CANCELLED:
            return Moved("cancelled", None, set())
        if state in TERMINAL:
            raise Conflict(f"the job is {state} already", state=state)
    raise StorageUnavailable("the job moves faster than it can be cancelled; try again")


async def run_now(
    connection: Connection, job_id: UUID, *, actor: str, reason: str | None, request_id: str | None = None
) -> Moved:
    """Let a scheduled job start now, in the caller's transaction; raises Missing, and Conflict if not SCHEDULED."""
    for _ in range(LOOKS):
        moved = await statement("run_job_now").fetch(connection, job_id=job_id)
        if moved:
            await _record(connection, job_id, "run now", "run now", actor, reason, request_id)
            return Moved("run now", str(moved[0]["queue"]), keys_of(moved))
        state = (await read(connection, job_id))["state"]
        if state is not None and state != State.SCHEDULED:
            raise Conflict(f"only a scheduled job can be started early; this one is {state}", state=state)
    raise StorageUnavailable("the job moves faster than it can be found; try again")


async def record_event(
    connection: Connection, job_id: UUID, kind: str, actor: str, reason: str | None, detail: str | None = None
) -> None:
    """Append one event to a job's history, in the caller's transaction; `detail` is JSON text."""
    await statement("record_event").fetch(
        connection, job_id=job_id, kind=kind, actor=actor, reason=reason, detail=detail
    )


async def _record(
    connection: Connection,
    job_id: UUID,
    act: str,
    kind: str,
    actor: str,
    reason: str | None,
    request_id: str | None,
) -> None:
    """Write down an act on a job: in its history, and in the audit."""
    await record_event(connection, job_id, kind, actor, reason)
    await statement("record_audit").fetch(
        connection,
        actor=actor,
        act=act,
        object_kind="job",
        object_id=str(job_id),
        reason=reason,
        before=None,
        after=json.dumps({"outcome": kind}),
        request_id=request_id,
    )

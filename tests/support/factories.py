"""Jobs on their way through the storage: submitted, claimed and ended by the same doors the engine uses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from uuid_utils.compat import uuid7

from easyflow.domain.outcome import (
    Failed,
    Fault,
    HandedBack,
    InDoubt,
    Outcome,
    PutBack,
    Stopped,
    Succeeded,
    Vanished,
)
from easyflow.storage import claims, enqueue, leases, workers
from easyflow.storage.admission import Key
from easyflow.storage.enqueue import NewTicket
from easyflow.storage.leases import Ending
from easyflow.storage.runs.endings import place_of
from easyflow.storage.sql import Connection, statement
from easyflow.storage.streams import Streams

QUEUE = "default"
TASK = "demo.echo"
FIRST_ID = UUID(int=0)

FAULT = Fault("ValueError", "the amount is negative", traceback="Traceback: ...", code="negative")
DONE = Succeeded()
FAILED = Failed("attempts exhausted", FAULT)
BACK = HandedBack()
RETRY = PutBack("retried", 0.0, FAULT)
RETRY_LATER = PutBack("retried", 3600.0, FAULT)
SNOOZE = PutBack("snoozed", 3600.0, None)
VANISHED = Vanished(3, "its process ended without a result (exit status -9)")
DOUBT = InDoubt("effect charge (unsafe): it may or may not have happened", FAULT)
STOPPED = Stopped(RETRY)
ENDINGS: dict[str, Outcome] = {"finish": DONE, "put_back": RETRY, "fail": FAILED, "hand_back": BACK}


def ticket(**facts: Any) -> NewTicket:
    """One job, ready to be stored; give what matters to the test."""
    return NewTicket(**{"id": uuid7(), "task": TASK, "queue": QUEUE, "payload": "{}", **facts})


def concurrent(key: str = "k", **facts: Any) -> NewTicket:
    """A job with a concurrency key."""
    return ticket(key=key, ordered=False, **facts)


def ordered(key: str = "k", **facts: Any) -> NewTicket:
    """A job with an ordering key."""
    return ticket(key=key, ordered=True, **facts)


def key(name: str = "k", *, in_order: bool = False, queue: str = QUEUE) -> Key:
    """The key of `concurrent`, or (`in_order`) of `ordered`."""
    return Key(queue, name, in_order)


async def submit(connection: Connection, *tickets: NewTicket) -> list[UUID]:
    """Store jobs in a transaction of their own; their ids in order. Admission is left to the test."""
    async with connection.transaction():
        return (await enqueue.store(connection, list(tickets))).ids


async def submit_many(connection: Connection, jobs: int, **facts: Any) -> list[UUID]:
    """Store `jobs` alike."""
    return await submit(connection, *(ticket(**facts) for _ in range(jobs)))


async def claim(
    connection: Connection,
    max_jobs: int = 1,
    *,
    executor_id: UUID | None = None,
    queues: Iterable[str] = (QUEUE,),
    tasks: Iterable[str] = (TASK,),
    streams: Streams | None = None,
    claim_id: UUID | None = None,
) -> list[asyncpg.Record]:
    """Claim as an executor does; without `streams` it begins at the front of each queue."""
    rows = await claims.claim(
        connection,
        executor_id=executor_id or uuid4(),
        claim_id=claim_id or uuid4(),
        tasks=list(tasks),
        max_jobs=max_jobs,
        intervals=(streams or Streams()).intervals(queues),
    )
    if streams is not None:
        streams.advance(rows)
    return rows


async def ready(connection: Connection) -> UUID:
    """A job that could be claimed."""
    (job_id,) = await submit(connection, ticket())
    return job_id


async def scheduled(connection: Connection) -> UUID:
    """A job that is due in an hour."""
    (job_id,) = await submit(connection, ticket(delay_seconds=3600.0))
    return job_id


async def running(connection: Connection) -> UUID:
    """A job of an attempt under way; fails when another one was there to be claimed."""
    job_id = await ready(connection)
    assert [row["job_id"] for row in await claim(connection)] == [job_id]
    return job_id


def ending(claimed: asyncpg.Record, outcome: Outcome = DONE, **facts: Any) -> Ending:
    """How the attempt of a claimed row ended."""
    said: dict[str, Any] = {"run_seconds": 0.25, "code_digest": "c0de", **facts}
    return Ending(
        claimed["job_id"],
        claimed["claim_token"],
        claimed["lease_no"],
        claimed["claimed_at"],
        said["run_seconds"],
        said["code_digest"],
        outcome,
        place=place_of(claimed),
    )


async def end(
    connection: Connection, claimed: Iterable[asyncpg.Record], outcome: Outcome = DONE, executor_id: UUID | None = None
) -> list[asyncpg.Record]:
    """End attempts alike; the accepted rows."""
    return await leases.end(connection, executor_id or uuid4(), [ending(row, outcome) for row in claimed])


async def run_through(connection: Connection, outcome: Outcome, **facts: Any) -> UUID:
    """Submit one job, claim it and end it with `outcome`; its id."""
    (job_id,) = await submit(connection, ticket(**facts))
    accepted = await end(connection, await claim(connection), outcome)
    assert [row["job_id"] for row in accepted] == [job_id]
    return job_id


async def start_executor(connection: Connection, lease_seconds: float = 15.0, worker_id: UUID | None = None) -> UUID:
    """Register an executor, and its worker when none is given; the executor's id."""
    if worker_id is None:
        worker_id = uuid4()
        await workers.register(connection, worker_id, host="here", pid=1, version="0", queues=[QUEUE], tasks=[TASK])
    executor_id = uuid4()
    await workers.register_executor(connection, executor_id, worker_id, lease_seconds)
    return executor_id


async def place(connection: Connection, job_id: UUID) -> str | None:
    """The state of the one place where a job's ticket is; fails when there are two."""
    rows = await connection.fetch("select state from easyflow.job_states where job_id = $1", job_id)
    assert len(rows) <= 1, [row["state"] for row in rows]
    return rows[0]["state"] if rows else None


async def ticket_of(connection: Connection, job_id: UUID) -> dict[str, Any]:
    """A job's state and counters, as the view over all places tells them."""
    row = await connection.fetchrow("select * from easyflow.job_states where job_id = $1", job_id)
    assert row is not None
    return dict(row)


async def outcomes(connection: Connection, job_id: UUID) -> list[str]:
    """How each attempt of a job ended, oldest first."""
    rows = await connection.fetch("select outcome from easyflow.attempts where job_id = $1 order by lease_no", job_id)
    return [row["outcome"] for row in rows]


async def stop_clock(connection: Connection, at: datetime) -> None:
    """Let EasyFlow's clock stand still at an instant; call it again to move it."""
    await connection.execute(
        "insert into easyflow.clock_override values (true, $1) on conflict (only_row) do update set frozen_at = $1", at
    )


async def birthday(connection: Connection) -> datetime:
    """Noon of the day on which the database was migrated; its days reach from the one before to a week later."""
    first = await connection.fetchval(
        "select min(inhrelid::regclass::text) from pg_inherits where inhparent = 'easyflow.jobs'::regclass"
    )
    return datetime.strptime(first[-8:], "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=1, hours=12)


async def conservation(connection: Connection, after: UUID = FIRST_ID, max_jobs: int = 100_000) -> asyncpg.Record:
    """One window of the conservation check."""
    row = await statement("check_conservation").fetchrow(connection, after=after, max_jobs=max_jobs)
    assert row is not None
    return row


async def assert_conserved(connection: Connection, jobs: int) -> None:
    """Each of `jobs` jobs is in exactly one place."""
    row = await conservation(connection)
    assert (row["checked"], row["lost"], row["doubled"], row["strangers"]) == (jobs, [], [], [])

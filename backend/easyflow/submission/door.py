"""Checking and storing new jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from uuid_utils.compat import uuid7

from easyflow.domain import document
from easyflow.errors import Invalid
from easyflow.registry import TASKS
from easyflow.settings import Settings, settings
from easyflow.storage import enqueue as storage
from easyflow.storage.admission import Key, admit
from easyflow.storage.certainty import Lend, certainly
from easyflow.storage.database import acquired, afterwards, committed, driver_connection, open_pool, self_committing
from easyflow.storage.notifications import notify_ready
from easyflow.storage.sql import Connection
from easyflow.submission.catalog import Catalog, CatalogTask, local_task
from easyflow.submission.requests import NewJob

if TYPE_CHECKING:
    from easyflow.storage.database import Pool, Session


BUSY_SECONDS = 0.02
LONGEST_KEY_WAIT = "2s"


@dataclass(frozen=True, slots=True)
class Enqueued:
    """Ids in the order submitted; `existing` of them belong to jobs that were there before, under the same keys."""

    ids: list[UUID]
    existing: int


async def enqueue(
    jobs: NewJob | Iterable[NewJob], *, session: Session | None = None, connection: Connection | None = None
) -> Enqueued:
    """Check and store jobs, all or none; returns their ids in order.

    Without `session` (SQLAlchemy, asyncpg driver) or `connection` (asyncpg) the jobs are committed when this returns,
    and workers are woken. With one, they belong to the caller's transaction on the same database: workers find them
    by polling once it commits, within `EASYFLOW_POLL_SECONDS` (250 ms) when idle; a job with a key within a second.
    Raises Invalid naming each problem, KeyReused, Busy, StorageUnavailable.
    """
    wanted = [jobs] if isinstance(jobs, NewJob) else list(jobs)
    if session is not None:
        connection = await driver_connection(session)
    if connection is not None:
        tickets = await check(connection, _catalog(), wanted, settings(), local=True)
        stored = await storage.store(connection, tickets)
        return Enqueued(stored.ids, stored.existing)
    lend = partial(acquired, await _pool())
    async with lend() as own:
        tickets = await check(own, _catalog(), wanted, settings(), local=True)
    stored = await submit(lend, tickets, wake=True)
    return Enqueued(stored.ids, stored.existing)


async def check(
    connection: Connection,
    catalog: Catalog,
    jobs: Sequence[NewJob],
    limits: Settings,
    *,
    batch: bool = False,
    local: bool = False,
) -> list[storage.NewTicket]:
    """Turn requests into storable jobs; raises Invalid that lists the problems of all of them, TooLarge for the first.

    Of several jobs, or of a `batch`, places begin with `jobs.<position>`. With `local`, a task that this process has
    registered itself counts before the one workers have announced.
    """
    if len(jobs) > limits.batch_jobs:
        raise Invalid(f"a batch holds at most {limits.batch_jobs} jobs; this one has {len(jobs)}")
    known = {job.task: local_task_cached(job.task) for job in jobs if local and job.task in TASKS}
    known |= await catalog.lookup(connection, {job.task for job in jobs} - known.keys())
    problems: list[dict[str, str]] = []
    tickets = []
    begun = time.monotonic()
    for position, job in enumerate(jobs):
        if time.monotonic() - begun > BUSY_SECONDS:
            await asyncio.sleep(0)  # a large batch must not keep the loop from everything else
            begun = time.monotonic()
        at = f"jobs.{position}." if batch or len(jobs) > 1 else ""
        judged = _judged(job, known.get(job.task), limits, at)
        if isinstance(judged, storage.NewTicket):
            tickets.append(judged)
        else:
            problems += judged
    if problems:
        raise Invalid("the request does not fit", problems[:100])
    return tickets


def check_one(job: NewJob, task: CatalogTask, limits: Settings) -> storage.NewTicket:
    """Turn one request whose task is known into a storable job; raises Invalid and TooLarge as `check` does."""
    judged = _judged(job, task, limits, "")
    if isinstance(judged, storage.NewTicket):
        return judged
    raise Invalid("the request does not fit", judged)


async def submit(lend: Lend, tickets: list[storage.NewTicket], *, wake: bool = False) -> storage.Stored:
    """Store checked jobs in a transaction of their own and admit those with keys; returns when all is committed.

    With `wake`, workers hear of them. Raises what `storage.enqueue.store` raises; Busy when somebody else holds an
    idempotency key for longer than two seconds; CommitUnknown when nobody can tell whether they are stored.
    """

    async def write(connection: Connection) -> storage.Stored:
        if any(ticket.idempotency_key or ticket.tags for ticket in tickets):
            async with committed(connection):
                await connection.execute(f"set local lock_timeout = '{LONGEST_KEY_WAIT}'")
                stored = await storage.store(connection, tickets)
        else:
            async with self_committing(connection):
                stored = await storage.store(connection, tickets)
        await _follow(connection, tickets, wake)
        return stored

    return await certainly(lend, write, lambda connection: storage.read_back_together(connection, tickets))


async def submit_batch(lend: Lend, tickets: list[storage.NewTicket], key: str, digest: bytes) -> storage.Stored:
    """Store the checked jobs of a batch that has an idempotency key of its own, all or none; else as `submit`.

    `digest` covers the whole batch. Used before with the same digest, the earlier ids are returned and nothing is
    stored; raises KeyReused for another digest.
    """

    async def write(connection: Connection) -> storage.Stored:
        async with committed(connection):
            await connection.execute(f"set local lock_timeout = '{LONGEST_KEY_WAIT}'")
            stored = await storage.store(connection, tickets)
            earlier = await storage.take_batch_key(connection, key, digest, stored.ids)
            if earlier is not None:
                raise _StoredBefore(earlier)
        await _follow(connection, tickets, wake=False)
        return stored

    try:
        return await certainly(lend, write, lambda connection: storage.read_back_together(connection, tickets))
    except _StoredBefore as before:
        return storage.Stored(before.ids, len(before.ids), [])


class _StoredBefore(Exception):
    """Rolls back what a repeated batch stored again before its key was found taken."""

    def __init__(self, ids: list[UUID]) -> None:
        super().__init__()
        self.ids = ids


@cache
def local_task_cached(name: str) -> CatalogTask:
    """Return a task of this process with its compiled schema."""
    return local_task(TASKS[name])


@cache
def _catalog() -> Catalog:
    return Catalog()


_POOLS: dict[str, Any] = {}


async def _pool() -> Pool:
    """Return this process's pool for `enqueue` outside a transaction; opened at first use."""
    loop_pool = _POOLS.get("pool")
    if loop_pool is None or loop_pool.is_closing():
        loaded = settings()
        loop_pool = _POOLS["pool"] = await open_pool(loaded.submit_url, pooled=loaded.behind_pooler)
    pool: Pool = loop_pool
    return pool


async def _follow(connection: Connection, tickets: Iterable[storage.NewTicket], wake: bool) -> None:
    """Let go what the keys of these jobs have room for, and say so; after the commit, which stands whatever fails."""
    async with afterwards(connection):
        await admit(connection, {Key(t.queue, t.key, bool(t.ordered)) for t in tickets if t.key is not None})
        if wake:
            await notify_ready(connection, {ticket.queue for ticket in tickets})


def payload_text(payload: Any, max_bytes: int, at: str = "payload") -> str:
    """Return a payload as the JSON text to be stored; raises TooLarge, and Malformed or Invalid naming the place."""
    document.check(payload, max_bytes=max_bytes, at=at)
    return document.dumps(payload, max_bytes=max_bytes, at=at)


def _judged(
    job: NewJob, task: CatalogTask | None, limits: Settings, at: str
) -> storage.NewTicket | list[dict[str, str]]:
    """Return a request as a storable job, or its problems."""
    payload = payload_text(job.payload, limits.payload_bytes, f"{at}payload")
    if task is None:
        return [{"at": f"{at}task", "message": "no worker has registered this task"}]
    return task.problems(job.payload, f"{at}payload") or _ticket(job, task, payload)


def _ticket(job: NewJob, task: CatalogTask, payload: str) -> storage.NewTicket:
    ordered = job.ordering_key is not None
    key = job.ordering_key if ordered else job.concurrency_key
    return storage.NewTicket(
        id=uuid7(),
        task=job.task,
        queue=job.queue or task.queue,
        payload=payload,
        priority=job.priority,
        key=key,
        ordered=None if key is None else ordered,
        run_at=job.run_at,
        delay_seconds=job.delay_seconds,
        max_attempts=job.max_attempts,
        timeout_seconds=job.timeout_seconds,
        tags=sorted(set(job.tags)),
        idempotency_key=job.idempotency_key,
        digest=document.digest(job.identity()) if job.idempotency_key else b"",
    )

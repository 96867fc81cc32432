"""Storing new jobs, with their idempotency keys, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from easyflow.errors import Busy, KeyReused, Misconfigured
from easyflow.storage.sql import Connection, statement


@dataclass(slots=True)
class NewTicket:
    """One checked job, ready to be stored; `payload` is JSON text, `digest` covers the whole request."""

    id: UUID
    task: str
    queue: str
    payload: str
    priority: int = 0
    key: str | None = None
    ordered: bool | None = None
    run_at: datetime | None = None
    delay_seconds: float | None = None
    max_attempts: int | None = None
    timeout_seconds: float | None = None
    tags: list[str] = field(default_factory=list)
    idempotency_key: str | None = None
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Stored:
    """Ids in the order given; `existing` of them were made by earlier requests with the same keys."""

    ids: list[UUID]
    existing: int
    fresh: list[asyncpg.Record]


async def store(connection: Connection, tickets: list[NewTicket]) -> Stored:
    """Store jobs, all or none, inside the caller's transaction.

    A ticket whose idempotency key was used before with the same digest is not stored again: the earlier job's id
    stands in its place. Raises KeyReused for another digest, Busy when another transaction holds a key for longer
    than this one's lock_timeout. Jobs are visible to workers once the transaction commits.
    """
    earlier = await _take_keys(connection, tickets)
    fresh = [ticket for ticket in tickets if ticket.id not in earlier]
    rows = await insert(connection, fresh)
    return Stored([earlier.get(ticket.id, ticket.id) for ticket in tickets], len(earlier), rows)


async def insert(connection: Connection, tickets: list[NewTicket]) -> list[asyncpg.Record]:
    """Insert facts, tickets and tags; returns id, run_at, created_at, state in the order given."""
    if not tickets:
        return []
    try:
        rows = await statement("enqueue_jobs").fetch(
            connection,
            ids=[t.id for t in tickets],
            tasks=[t.task for t in tickets],
            queues=[t.queue for t in tickets],
            priorities=[t.priority for t in tickets],
            keys=[t.key for t in tickets],
            ordered=[t.ordered for t in tickets],
            payloads=[t.payload for t in tickets],
            run_ats=[t.run_at for t in tickets],
            delays=[t.delay_seconds for t in tickets],
            max_attempts=[t.max_attempts for t in tickets],
            timeouts=[t.timeout_seconds for t in tickets],
        )
    except asyncpg.CheckViolationError as refused:
        if refused.constraint_name:
            raise
        raise Misconfigured(
            "the database has no partition for today: its clock and this one differ, or housekeeping does not run; "
            "`easyflow doctor` tells which"
        ) from refused
    tags = [(tag, t.id) for t in tickets for tag in t.tags]
    if tags:
        await statement("add_tags").fetch(connection, tags=[tag for tag, _ in tags], job_ids=[id for _, id in tags])
    return rows


async def take_batch_key(connection: Connection, key: str, digest: bytes, ids: list[UUID]) -> list[UUID] | None:
    """Claim the idempotency key of a whole batch; returns the earlier batch's ids when it was used before."""
    async with _short_waits():
        taken = await statement("take_batch_key").fetchrow(
            connection, kind="batch", key=key, digest=digest, object_ids=ids
        )
    if taken:
        return None
    row = await statement("read_keys").fetchrow(connection, kind="batch", keys=[key])
    if row is None:
        raise Busy("the idempotency key expired this very moment; repeat the request")
    if row["digest"] != digest:
        raise KeyReused
    return list(row["object_ids"])


async def _take_keys(connection: Connection, tickets: list[NewTicket]) -> dict[UUID, UUID]:
    """Insert the tickets' idempotency keys; returns for each that was used before: its id, and the earlier job's."""
    keyed: dict[str, NewTicket] = {}
    earlier: dict[UUID, UUID] = {}
    for ticket in tickets:
        if ticket.idempotency_key is None:
            continue
        first = keyed.setdefault(ticket.idempotency_key, ticket)
        if first is not ticket:
            if first.digest != ticket.digest:
                raise KeyReused
            earlier[ticket.id] = first.id
    if not keyed:
        return earlier
    async with _short_waits():
        rows = await statement("take_keys").fetch(
            connection,
            kind="job",
            keys=list(keyed),
            digests=[t.digest for t in keyed.values()],
            object_ids=[t.id for t in keyed.values()],
        )
    taken = {row["key"] for row in rows}
    used = [key for key in keyed if key not in taken]
    if used:
        found = await statement("read_keys").fetch(connection, kind="job", keys=used)
        if len(found) < len(used):
            raise Busy("an idempotency key expired this very moment; repeat the request")
        for row in found:
            if row["digest"] != keyed[row["key"]].digest:
                raise KeyReused
            earlier[keyed[row["key"]].id] = row["object_ids"][0]
    return {id: earlier.get(first, first) for id, first in earlier.items()}


class _short_waits:
    """Turn the lock timeout of the caller's transaction into Busy."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, asyncpg.LockNotAvailableError):
            raise Busy from error

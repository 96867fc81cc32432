"""Storing new jobs, with their idempotency keys, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from easyflow.errors import Busy, EasyFlowError, KeyReused, Misconfigured
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
    _refuse_one_key_for_two(tickets)
    answered = await _take_keys(connection, tickets)
    earlier: dict[UUID, UUID] = {}
    for id, answer in answered.items():
        if isinstance(answer, EasyFlowError):
            raise answer
        earlier[id] = answer
    rows = await insert(connection, [ticket for ticket in tickets if ticket.id not in earlier])
    return Stored([earlier.get(ticket.id, ticket.id) for ticket in tickets], len(earlier), rows)


async def store_each(connection: Connection, tickets: list[NewTicket]) -> list[Stored | EasyFlowError]:
    """Store jobs of requests that know nothing of each other, inside the caller's transaction.

    Each is answered, in the order given, as if it had come alone and in this order: stored, stored before, or the
    error that refuses it, which harms no other. Raises Busy as `store`; then none is stored.
    """
    answered = await _take_keys(connection, tickets)
    fresh = [ticket for ticket in tickets if ticket.id not in answered]
    rows = dict(zip((ticket.id for ticket in fresh), await insert(connection, fresh), strict=True))
    answers: list[Stored | EasyFlowError] = []
    for ticket in tickets:
        answer = answered.get(ticket.id)
        if answer is None:
            answers.append(Stored([ticket.id], 0, [rows[ticket.id]]))
        else:
            answers.append(_as_stored(answer))
    return answers


async def read_back(connection: Connection, tickets: list[NewTicket]) -> list[Stored | EasyFlowError] | None:
    """Return the answers `store_each` would have given, had its commit been heard; None when it stored nothing."""
    found = await statement("read_stored").fetch(connection, ids=[t.id for t in tickets])
    if not found:
        return None
    rows = {row["id"]: row for row in found}
    others = [t for t in tickets if t.id not in rows]
    holders = await _holders(connection, [t.idempotency_key for t in others if t.idempotency_key is not None])
    return [
        Stored([t.id], 0, [rows[t.id]]) if t.id in rows else _as_stored(_answer(t, holders.get(str(t.idempotency_key))))
        for t in tickets
    ]


async def read_back_together(connection: Connection, tickets: list[NewTicket]) -> Stored | None:
    """Return the answer `store` would have given, had its commit been heard; None when it stored nothing."""
    answers = await read_back(connection, tickets)
    if answers is None:
        return None
    told = [answer for answer in answers if isinstance(answer, Stored)]
    assert len(told) == len(answers), "what was committed together was refused"
    ids = [id for answer in told for id in answer.ids]
    return Stored(ids, sum(answer.existing for answer in told), [row for answer in told for row in answer.fresh])


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


def _refuse_one_key_for_two(tickets: list[NewTicket]) -> None:
    """Raise KeyReused, before anything is written, when two of the requests are different and share a key."""
    digests: dict[str, bytes] = {}
    for ticket in tickets:
        key = ticket.idempotency_key
        if key is not None and digests.setdefault(key, ticket.digest) != ticket.digest:
            raise KeyReused


async def _take_keys(connection: Connection, tickets: list[NewTicket]) -> dict[UUID, UUID | EasyFlowError]:
    """Insert the tickets' idempotency keys; returns, for each ticket that is not to be stored, its answer.

    That is the job made earlier under its key, by another request or by one before it in `tickets`, or an error.
    """
    sharing: dict[str, list[NewTicket]] = {}
    for ticket in tickets:
        if ticket.idempotency_key is not None:
            sharing.setdefault(ticket.idempotency_key, []).append(ticket)
    if not sharing:
        return {}
    firsts = [same[0] for same in sharing.values()]
    async with _short_waits():
        rows = await statement("take_keys").fetch(
            connection,
            kind="job",
            keys=list(sharing),
            digests=[t.digest for t in firsts],
            object_ids=[t.id for t in firsts],
        )
    taken = {row["key"] for row in rows}
    used = [key for key in sharing if key not in taken]
    holders = await _holders(connection, used)
    holders |= {key: (sharing[key][0].digest, sharing[key][0].id) for key in taken}
    answers = {t.id: _answer(t, holders.get(key)) for key, same in sharing.items() for t in same}
    return {id: answer for id, answer in answers.items() if answer != id}


async def _holders(connection: Connection, keys: list[str]) -> dict[str, tuple[bytes, UUID]]:
    """Return digest and job of each key that is taken."""
    found = await statement("read_keys").fetch(connection, kind="job", keys=keys) if keys else []
    return {row["key"]: (row["digest"], row["object_ids"][0]) for row in found}


def _answer(ticket: NewTicket, holder: tuple[bytes, UUID] | None) -> UUID | EasyFlowError:
    """Say whose job a ticket's key stands for, perhaps its own."""
    if holder is None:
        return Busy("the idempotency key expired this very moment; repeat the request")
    digest, id = holder
    return id if digest == ticket.digest else KeyReused()


def _as_stored(answer: UUID | EasyFlowError) -> Stored | EasyFlowError:
    return answer if isinstance(answer, EasyFlowError) else Stored([answer], 1, [])


class _short_waits:
    """Turn the lock timeout of the caller's transaction into Busy."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, asyncpg.LockNotAvailableError):
            raise Busy from error

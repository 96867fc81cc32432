"""Leases: claiming ready jobs, and every way an attempt gives its lease up, each write fenced by the claim's token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.domain.outcome import Failed, Fault, HandedBack, Outcome, PutBack, Succeeded, Vanished
from easyflow.storage.sql import Connection, statement
from easyflow.storage.streams import Interval


@dataclass(slots=True)
class Ending:
    """One attempt that is over: its fence, what it took and how it ended.

    `claimed_at` goes back as the claim gave it: seconds since 1970 by the database's clock, cheaper than a timestamp.
    """

    job_id: UUID
    claim_token: UUID
    lease_no: int
    claimed_at: float
    run_seconds: float | None
    code_digest: str
    outcome: Outcome


async def claim(
    connection: Connection,
    *,
    executor_id: UUID,
    claim_id: UUID,
    tasks: list[str],
    max_jobs: int,
    intervals: Sequence[Interval],
) -> list[asyncpg.Record]:
    """Lock up to `max_jobs` ready jobs for this executor; order priority, lane, ready_seq.

    No job is returned to two callers. `claim_token` is the fence every later write must present. When the reply is
    lost, what was taken is found again by `claim_id` (`read_claims`).
    """
    return await statement("claim_jobs").fetch(
        connection,
        executor_id=executor_id,
        claim_id=claim_id,
        tasks=tasks,
        max_jobs=max_jobs,
        queues=[i.queue for i in intervals],
        low_priorities=[i.low[0] for i in intervals],
        low_lanes=[i.low[1] for i in intervals],
        low_seqs=[i.low[2] for i in intervals],
        high_priorities=[i.high[0] for i in intervals],
        high_lanes=[i.high[1] for i in intervals],
        high_seqs=[i.high[2] for i in intervals],
    )


async def claim_limited(
    connection: Connection,
    *,
    executor_id: UUID,
    claim_id: UUID,
    tasks: list[str],
    max_jobs: int,
    queue: str,
    intervals: Sequence[Interval],
) -> list[asyncpg.Record]:
    """Claim from a queue with a global limit, never past it.

    The queue's row is locked first and its leases are counted in a later statement, whose snapshot sees everything
    that was claimed before the lock was had. Counting in the claim let six claimers run 60 jobs under a limit of 10.
    """
    async with connection.transaction():
        queue_row = await statement("lock_queue").fetchrow(connection, queue=queue)
        if queue_row is None or queue_row["paused"]:
            return []
        room = max_jobs
        if queue_row["concurrency"] is not None:
            counted = await statement("count_leases").fetchrow(connection, queue=queue)
            room = min(max_jobs, queue_row["concurrency"] - (counted["running"] if counted else 0))
        if room <= 0:
            return []
        return await claim(
            connection,
            executor_id=executor_id,
            claim_id=claim_id,
            tasks=tasks,
            max_jobs=room,
            intervals=intervals,
        )


async def end(connection: Connection, executor_id: UUID, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """Record how attempts ended; one statement, and so one transaction, per kind of ending.

    Returns the accepted: job_id, queue, key, ordered, state. An ending whose token is no longer the current one is
    missing from the answer and changed nothing. A job with the cancel flag ends CANCELLED whatever its ending says.
    """
    accepted: list[asyncpg.Record] = []
    for write, batch in by_kind(endings):
        accepted += await write(connection, executor_id, batch)
    return accepted


def by_kind(endings: Sequence[Ending]) -> list[tuple[Writer, list[Ending]]]:
    """Part endings into batches of one kind, each with the function that records it."""
    batches = [(write, [e for e in endings if type(e.outcome) is kind]) for kind, write in _WRITERS]
    return [(write, batch) for write, batch in batches if batch]


async def finish(connection: Connection, executor_id: UUID, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """Record successes: history, result and SUCCEEDED together; see `end`."""
    with_result = [e for e in endings if isinstance(e.outcome, Succeeded) and e.outcome.result is not None]
    return await statement("finish_jobs").fetch(
        connection,
        **_fence(endings),
        executor_id=executor_id,
        lease_nos=[e.lease_no for e in endings],
        claimed_ats=[e.claimed_at for e in endings],
        run_seconds=[e.run_seconds for e in endings],
        code_digests=[e.code_digest for e in endings],
        results_of=[e.job_id for e in with_result],
        result_tokens=[e.claim_token for e in with_result],
        results=[e.outcome.result for e in with_result if isinstance(e.outcome, Succeeded)],
    )


async def put_back(connection: Connection, executor_id: UUID, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """Park attempts until their retry or snooze is due; see `end`."""
    moves = [(e, e.outcome) for e in endings if isinstance(e.outcome, PutBack)]
    return await statement("put_back_jobs").fetch(
        connection,
        **_fence(endings),
        **_run_facts(endings),
        **_faults([move.fault for _, move in moves]),
        outcomes=[move.outcome for _, move in moves],
        delays=[move.delay_seconds for _, move in moves],
    )


async def fail(connection: Connection, executor_id: UUID, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """End attempts FAILED, each with a dead letter; see `end`."""
    failures = [e.outcome for e in endings if isinstance(e.outcome, Failed)]
    return await statement("fail_jobs").fetch(
        connection,
        **_fence(endings),
        **_run_facts(endings),
        **_faults([failure.fault for failure in failures]),
        outcomes=["lost" if failure.loss else "failed" for failure in failures],
        reasons=[failure.reason for failure in failures],
        loss_charges=[failure.loss for failure in failures],
        unstarted_charges=[0] * len(failures),
    )


async def hand_back(connection: Connection, executor_id: UUID, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """Give jobs back unharmed, ahead of new ones; see `end`."""
    return await statement("hand_back_jobs").fetch(connection, **_fence(endings))


async def lose(connection: Connection, executor_id: UUID, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """Put jobs back whose child process vanished, charging each a loss; see `end`."""
    return await statement("rescue_jobs").fetch(
        connection, **_fence(endings), loss_charges=[1] * len(endings), unstarted_charges=[0] * len(endings)
    )


async def hand_back_claims(connection: Connection, executor_id: UUID, claim_ids: list[UUID]) -> int:
    """Give back what claim statements took whose replies were lost; returns how many jobs that were."""
    lost = await statement("read_claims").fetch(connection, executor_id=executor_id, claim_ids=claim_ids)
    if lost:
        await statement("hand_back_jobs").fetch(
            connection, job_ids=[row["job_id"] for row in lost], claim_tokens=[row["claim_token"] for row in lost]
        )
    return len(lost)


Writer = Callable[[Connection, UUID, Sequence[Ending]], Awaitable[list[asyncpg.Record]]]

_WRITERS: tuple[tuple[type, Writer], ...] = (
    (Succeeded, finish),
    (PutBack, put_back),
    (Failed, fail),
    (Vanished, lose),
    (HandedBack, hand_back),
)


def _fence(endings: Sequence[Ending]) -> dict[str, Any]:
    return {"job_ids": [e.job_id for e in endings], "claim_tokens": [e.claim_token for e in endings]}


def _run_facts(endings: Sequence[Ending]) -> dict[str, Any]:
    return {"run_seconds": [e.run_seconds for e in endings], "code_digests": [e.code_digest for e in endings]}


def _faults(faults: Sequence[Fault | None]) -> dict[str, Any]:
    return {
        "error_types": [fault.type if fault else None for fault in faults],
        "error_messages": [fault.message if fault else None for fault in faults],
        "error_codes": [fault.code if fault else None for fault in faults],
        "tracebacks": [fault.traceback if fault else None for fault in faults],
    }

"""Claiming: turning ready tickets into leases, and giving back what claims took whose replies were lost."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from easyflow.storage.runs.endings import after
from easyflow.storage.sql import Connection, statement
from easyflow.storage.streams import Interval


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
    wait: bool = True,
) -> list[asyncpg.Record]:
    """Claim from a queue with a global limit, never past it.

    The queue's row is locked first and its leases are counted in a later statement, whose snapshot sees everything
    that was claimed before the lock was had. Counting in the claim let six claimers run 60 jobs under a limit of 10.
    Raises LockNotAvailableError when someone holds the row: at once without `wait`, else behind the lock timeout.
    """
    async with connection.transaction():
        lock = statement("lock_queue") if wait else statement("lock_queue_at_once")
        queue_row = await lock.fetchrow(connection, queue=queue)
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


async def hand_back_claims(connection: Connection, executor_id: UUID, claim_ids: list[UUID]) -> int:
    """Give back what claim statements took whose replies were lost; returns how many jobs that were."""
    lost = await statement("read_claims").fetch(connection, executor_id=executor_id, claim_ids=claim_ids)
    if lost:
        async with connection.transaction():
            moved = await statement("hand_back_jobs").fetch(
                connection, job_ids=[row["job_id"] for row in lost], claim_tokens=[row["claim_token"] for row in lost]
            )
            await after(connection, moved)
    return len(lost)

"""Rescue: taking leases back from executors that are gone, each by the verdict of the budgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from easyflow.domain.rescue import Fate, Rescue, verdict
from easyflow.domain.states import Effects
from easyflow.storage.sql import Connection, statement

BATCH = 500

JudgeFate = Callable[[UUID], Fate]


@dataclass(frozen=True, slots=True)
class Limits:
    """How many losses and unstarted claims a job survives."""

    losses: int
    unstarted: int


async def rescue(
    connection: Connection, executor_ids: Sequence[UUID], fate_of: JudgeFate, limits: Limits
) -> list[asyncpg.Record]:
    """Take up to 500 leases back from dead executors; `fate_of` a claim token tells how far that attempt had come.

    One transaction: the leases are locked first (rows another rescuer holds are passed over), the verdict is computed
    behind the locks, and written under each claim's token. Returns what moved: job_id, queue, key, ordered, state.
    Call again until it returns nothing: a statement of the dying executor may still have held rows.
    """
    async with connection.transaction():
        lost = await statement("lock_lost_leases").fetch(connection, executor_ids=list(executor_ids), max_jobs=BATCH)
        judged = [(row, _judge(row, fate_of, limits)) for row in lost]
        moved = await _put_back(connection, [(row, rescued) for row, rescued in judged if rescued.reason is None])
        return moved + await _fail(connection, [(row, rescued) for row, rescued in judged if rescued.reason])


def _judge(row: asyncpg.Record, fate_of: JudgeFate, limits: Limits) -> Rescue:
    return verdict(
        Effects(row["effects"] or Effects.UNSAFE),
        fate_of(row["claim_token"]),
        row["losses"],
        row["unstarted"],
        loss_limit=limits.losses,
        limit=limits.unstarted,
    )


async def _put_back(connection: Connection, judged: list[tuple[asyncpg.Record, Rescue]]) -> list[asyncpg.Record]:
    if not judged:
        return []
    return await statement("rescue_jobs").fetch(
        connection,
        job_ids=[row["job_id"] for row, _ in judged],
        claim_tokens=[row["claim_token"] for row, _ in judged],
        loss_charges=[rescued.loss for _, rescued in judged],
        unstarted_charges=[rescued.unstarted for _, rescued in judged],
    )


async def _fail(connection: Connection, judged: list[tuple[asyncpg.Record, Rescue]]) -> list[asyncpg.Record]:
    if not judged:
        return []
    none = [None] * len(judged)
    return await statement("fail_jobs").fetch(
        connection,
        job_ids=[row["job_id"] for row, _ in judged],
        claim_tokens=[row["claim_token"] for row, _ in judged],
        outcomes=["unstarted" if rescued.reason == "never started" else "lost" for _, rescued in judged],
        run_seconds=none,
        code_digests=none,
        reasons=[rescued.reason for _, rescued in judged],
        error_types=["Lost"] * len(judged),
        error_messages=[_EXPLANATIONS[rescued.reason or "lost"] for _, rescued in judged],
        error_codes=none,
        tracebacks=none,
        loss_charges=[rescued.loss for _, rescued in judged],
        unstarted_charges=[rescued.unstarted for _, rescued in judged],
    )


_EXPLANATIONS = {
    "lost": "its executor died each time this job ran; it is set aside so that it takes no more of them down",
    "lost, outcome unknown": "its executor died while it may have acted on the outside; it is not repeated blindly",
    "never started": "it was claimed again and again by executors that died before they began it",
}

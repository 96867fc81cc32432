"""Rescue: taking leases back from who is gone, each by the verdict of the effect ledger and the budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from easyflow.domain.effects import OpenEffect, doubtful
from easyflow.domain.rescue import Fate, Rescue, Verdict, judge
from easyflow.storage import effects
from easyflow.storage.runs.endings import after
from easyflow.storage.sql import Connection, statement

BATCH = 500
NO_LIMIT = 2**31

JudgeFate = Callable[[UUID], Fate]


@dataclass(frozen=True, slots=True)
class Limits:
    """How many losses and unstarted claims a job survives."""

    losses: int
    unstarted: int


@dataclass(frozen=True, slots=True)
class _Judged:
    """One locked lease, what becomes of it, and the words an operator reads about it."""

    row: asyncpg.Record
    rescue: Rescue
    reason: str
    message: str


async def rescue(
    connection: Connection, executor_ids: Sequence[UUID], fate_of: JudgeFate, limits: Limits
) -> list[asyncpg.Record]:
    """Take up to 500 leases back from dead executors; `fate_of` a claim token tells how far that attempt had come.

    One transaction: the leases are locked first (rows another rescuer holds are passed over); the ledger is read in a
    later statement, so that an intent committed a moment before is seen; the verdict is written under each claim's
    token. Returns what moved: job_id, queue, key, ordered, state.
    Call again until it returns nothing: a statement of the dying executor may still have held rows.
    """
    async with connection.transaction():
        lost = await statement("lock_lost_leases").fetch(connection, executor_ids=list(executor_ids), max_jobs=BATCH)
        open_effects = await effects.read_open(connection, [row["job_id"] for row in lost])
        moved = await _write(
            connection,
            [_judge(row, fate_of(row["claim_token"]), open_effects.get(row["job_id"], []), limits) for row in lost],
        )
        await after(connection, moved)
        return moved


async def lose(
    connection: Connection, said: Mapping[UUID, str], *, job_ids: Sequence[UUID], loss_limit: int
) -> list[asyncpg.Record]:
    """Judge started attempts whose own process is gone while their executor lives; `said` tells each claim token why.

    In the same order as `rescue`: lock, ledger, verdict. Returns what moved; a stale claim is missing from it.
    """
    async with connection.transaction():
        lost = await statement("lock_claims").fetch(connection, job_ids=list(job_ids), claim_tokens=list(said))
        open_effects = await effects.read_open(connection, [row["job_id"] for row in lost])
        limits = Limits(loss_limit, NO_LIMIT)
        return await _write(
            connection,
            [
                _judge(row, "started", open_effects.get(row["job_id"], []), limits, said[row["claim_token"]])
                for row in lost
            ],
        )


def _judge(
    row: asyncpg.Record, fate: Fate, open_effects: list[OpenEffect], limits: Limits, message: str | None = None
) -> _Judged:
    in_doubt = doubtful(open_effects)
    rescued = judge(
        fate, bool(in_doubt), row["losses"], row["unstarted"], loss_limit=limits.losses, limit=limits.unstarted
    )
    reason = effects.reason_of(in_doubt) if in_doubt else rescued.verdict
    return _Judged(row, rescued, reason, message or _EXPLANATIONS[rescued.verdict])


async def _write(connection: Connection, judged: Sequence[_Judged]) -> list[asyncpg.Record]:
    put_back = [each for each in judged if each.rescue.verdict == "again"]
    in_doubt = [each for each in judged if each.rescue.verdict == "in doubt"]
    failed = [each for each in judged if each.rescue.verdict in ("lost", "never started")]
    moved: list[asyncpg.Record] = []
    if put_back:
        moved += await statement("rescue_jobs").fetch(connection, **_charges(put_back))
    if in_doubt:
        moved += await statement("put_in_doubt").fetch(connection, **_charges(in_doubt), **_said(in_doubt))
    if failed:
        outcomes = ["unstarted" if each.rescue.verdict == "never started" else "lost" for each in failed]
        moved += await statement("fail_jobs").fetch(connection, **_charges(failed), **_said(failed), outcomes=outcomes)
    return moved


def _charges(judged: Sequence[_Judged]) -> dict[str, list[UUID] | list[int]]:
    return {
        "job_ids": [each.row["job_id"] for each in judged],
        "claim_tokens": [each.row["claim_token"] for each in judged],
        "loss_charges": [each.rescue.loss for each in judged],
        "unstarted_charges": [each.rescue.unstarted for each in judged],
    }


def _said(judged: Sequence[_Judged]) -> dict[str, list[str] | list[None]]:
    none = [None] * len(judged)
    return {
        "reasons": [each.reason for each in judged],
        "error_types": ["Lost"] * len(judged),
        "error_messages": [each.message for each in judged],
        "error_codes": none,
        "tracebacks": none,
        "run_seconds": none,
        "code_digests": none,
    }


_EXPLANATIONS: dict[Verdict, str] = {
    "again": "the executor that held this job is gone",
    "in doubt": "its executor died while an effect was open; it is not repeated blindly",
    "lost": "its executor died each time this job ran; it is set aside so that it takes no more of them down",
    "never started": "it was claimed again and again by executors that died before they began it",
}

"""Leases: claiming ready jobs, and every way an attempt gives its lease up, each write fenced by the claim's token."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.domain.effects import doubtful
from easyflow.domain.outcome import Failed, Fault, HandedBack, InDoubt, Outcome, PutBack, Stopped, Succeeded, Vanished
from easyflow.storage import effects, rescue
from easyflow.storage.sql import Connection, statement
from easyflow.storage.streams import Interval


@dataclass(slots=True)
class Ending:
    """One attempt that is over: its fence, what it took and how it ended.

    `claimed_at` goes back as the claim gave it: seconds since 1970 by the database's clock, cheaper than a timestamp.
    `acquitted`: it was a suspect, ran alone and ended by itself, so that it gets one of its losses back.
    """

    job_id: UUID
    claim_token: UUID
    lease_no: int
    claimed_at: float
    run_seconds: float | None
    code_digest: str
    outcome: Outcome
    acquitted: bool = False


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
        acquitted=[e.claim_token for e in endings if e.acquitted],
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
        loss_charges=[-int(e.acquitted) for e, _ in moves],
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
        loss_charges=[failure.loss - int(e.acquitted) for e, failure in zip(endings, failures, strict=True)],
        unstarted_charges=[0] * len(failures),
    )


async def hand_back(connection: Connection, executor_id: UUID, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """Give jobs back unharmed, ahead of new ones; see `end`."""
    return await statement("hand_back_jobs").fetch(connection, **_fence(endings))


async def doubt(connection: Connection, executor_id: UUID, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """Set attempts aside whose effect is in doubt, for a person to settle; see `end`."""
    doubts = [e.outcome for e in endings if isinstance(e.outcome, InDoubt)]
    return await statement("put_in_doubt").fetch(
        connection,
        **_fence(endings),
        **_run_facts(endings),
        **_faults([doubt.fault for doubt in doubts]),
        reasons=[doubt.reason for doubt in doubts],
        loss_charges=[0] * len(doubts),
        unstarted_charges=[0] * len(doubts),
    )


async def lose(connection: Connection, executor_id: UUID, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """Judge attempts whose child process vanished by the ledger, charging each a loss; see `end` and `rescue.lose`."""
    vanished = [(e, e.outcome) for e in endings if isinstance(e.outcome, Vanished)]
    return await rescue.lose(
        connection,
        {e.claim_token: outcome.message for e, outcome in vanished},
        job_ids=[e.job_id for e, _ in vanished],
        loss_limit=vanished[0][1].loss_limit,
    )


async def end_stopped(connection: Connection, executor_id: UUID, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """Record attempts that were stopped in a process of their own, which alone knew what it had begun; see `end`.

    The leases are locked, then the ledger is read: what is in doubt waits for a person, everything else ends as its
    stop says.
    """
    async with connection.transaction():
        await statement("lock_claims").fetch(connection, **_fence(endings))
        open_effects = await effects.read_open(connection, [e.job_id for e in endings])
        for ending in endings:
            if isinstance(ending.outcome, Stopped):
                in_doubt = doubtful(open_effects.get(ending.job_id, []))
                said = ending.outcome.outcome
                fault = said.fault if isinstance(said, Failed | PutBack) and said.fault else _DRAINED
                ending.outcome = InDoubt(effects.reason_of(in_doubt), fault) if in_doubt else said
        return await end(connection, executor_id, endings)


_DRAINED = Fault("Drained", "its worker stopped before it was done")


async def hand_back_claims(connection: Connection, executor_id: UUID, claim_ids: list[UUID]) -> int:
    """Give back what claim statements took whose replies were lost; returns how many jobs that were."""
    lost = await statement("read_claims").fetch(connection, executor_id=executor_id, claim_ids=claim_ids)
    if lost:
        await statement("hand_back_jobs").fetch(
            connection, job_ids=[row["job_id"] for row in lost], claim_tokens=[row["claim_token"] for row in lost]
        )
    return len(lost)


Writer = Callable[[Connection, UUID, Sequence[Ending]], Coroutine[Any, Any, list[asyncpg.Record]]]

_WRITERS: tuple[tuple[type, Writer], ...] = (
    (Succeeded, finish),
    (PutBack, put_back),
    (Failed, fail),
    (InDoubt, doubt),
    (Vanished, lose),
    (Stopped, end_stopped),
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

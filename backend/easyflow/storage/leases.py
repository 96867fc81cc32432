"""Leases: every way an attempt gives its lease up, each write fenced by the claim's token."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.domain.effects import doubtful
from easyflow.domain.outcome import Failed, Fault, HandedBack, InDoubt, Outcome, PutBack, Stopped, Succeeded, Vanished
from easyflow.storage import effects, rescue
from easyflow.storage.runs.endings import Place, after
from easyflow.storage.sql import Connection, statement


@dataclass(slots=True)
class Ending:
    """One attempt that is over: its fence, what it took and how it ended.

    `claimed_at` goes back as the claim gave it: seconds since 1970 by the database's clock, cheaper than a timestamp.
    `acquitted`: it was a suspect, ran alone and ended by itself, so that it gets one of its losses back.
    `place`: the run that goes on when this is its job's end.
    """

    job_id: UUID
    claim_token: UUID
    lease_no: int
    claimed_at: float
    run_seconds: float | None
    code_digest: str
    outcome: Outcome
    acquitted: bool = False
    place: Place | None = None


async def end(connection: Connection, executor_id: UUID, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """Record how attempts ended; one statement, and so one transaction, per kind of ending.

    Returns the accepted: job_id, queue, key, ordered, state. An ending whose token is no longer the current one is
    missing from the answer and changed nothing. A job with the cancel flag ends CANCELLED whatever its ending says.
    """
    accepted: list[asyncpg.Record] = []
    for write, batch in by_kind(endings):
        accepted += await write(connection, executor_id, batch)
    return accepted


def _to_nobody(queues: set[str]) -> None:
    """Where nobody waits for what runs release."""


def by_kind(
    endings: Sequence[Ending], told: Callable[[set[str]], None] = _to_nobody
) -> list[tuple[Writer, list[Ending]]]:
    """Part endings into batches of one kind, each with the function that records it; those of runs stand apart.

    `told` hears of the queues that got jobs as runs went on, behind the commit.
    """
    parted: dict[tuple[type, bool], list[Ending]] = {}
    for ending in endings:
        parted.setdefault((type(ending.outcome), ending.place is not None), []).append(ending)
    batches = [(write, parted.get((kind, False))) for kind, write in _WRITERS]
    for kind, write in _WRITERS:
        # What was stopped is written by `end` again, kind by kind; what is handed back looks for its runs itself.
        batches.append(
            (
                write if kind in (Stopped, HandedBack) else partial(_write_and_go_on, told, write),
                parted.get((kind, True)),
            )
        )
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


async def _write_and_go_on(
    told: Callable[[set[str]], None],
    write: Writer,
    connection: Connection,
    executor_id: UUID,
    endings: Sequence[Ending],
) -> list[asyncpg.Record]:
    """Record endings of jobs of runs and let these runs go on, all in one transaction."""
    async with connection.transaction():
        accepted = await write(connection, executor_id, endings)
        places = {each.job_id: each.place for each in endings if each.place is not None}
        advanced = await after(connection, accepted, places, failed_items(endings))
    told(advanced.queues)
    return accepted


def failed_items(endings: Sequence[Ending]) -> dict[UUID, dict[int, str]]:
    """Return the items that failed in jobs which SUCCEEDED, by job and position."""
    said = [(each.job_id, each.outcome.failed_items) for each in endings if isinstance(each.outcome, Succeeded)]
    return {job_id: dict(items) for job_id, items in said if items}


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
    """Give jobs back unharmed, ahead of new ones; see `end`.

    What an executor does not know it gives back too, without its run: what ends CANCELLED by it is looked up.
    """
    async with connection.transaction():
        accepted = await statement("hand_back_jobs").fetch(connection, **_fence(endings))
        await after(connection, accepted)
        return accepted


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

"""The ledger against whoever takes a lease away: nothing is written there between the verdict's lock and its write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from easyflow.domain.effects import OpenEffect
from easyflow.domain.outcome import Outcome
from easyflow.storage import effects, jobs, leases, workers
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import STOPPED, VANISHED, ending, place, start_executor
from tests.support.intents import claimed_job, close_effect, kept, open_effect, reopen_effect
from tests.support.interleave import Actor, Stage
from tests.support.mutations import mutated

# What the lost worker has still in the air: its statement, the ledger before it, the verdicts without and with it.
WRITES = {
    "intent": ("open_effects", None, "READY", "IN_DOUBT"),
    "intent of what did not happen": ("reopen_effects", "did_not_happen", "READY", "IN_DOUBT"),
    "outcome": ("close_effects", "open", "IN_DOUBT", "READY"),
}
UNLOCKED = ("for key share", "")

OF_ONE_STATEMENT = """
with held as materialized (select job_id from easyflow.leases where job_id = $1 for update)
select e.state from held join easyflow.effects as e using (job_id) where e.state = 'open'
"""


async def written(connection: Connection, row: asyncpg.Record, write: str) -> bool:
    """Let a worker write into the ledger; whether it was accepted."""
    if write == "intent":
        return bool((await open_effect(connection, row))["held"])
    return await (close_effect if write == "outcome" else reopen_effect)(connection, row)


async def lost_attempt(connection: Connection, write: str) -> tuple[UUID, asyncpg.Record]:
    """A claim of an executor that was declared dead, with the ledger as `write` finds it."""
    executor_id = await start_executor(connection)
    row = await claimed_job(connection, executor_id)
    before = WRITES[write][1]
    if before is not None:
        await open_effect(connection, row)
    if before == "did_not_happen":
        assert await close_effect(connection, row, before, result=None)
    await workers.retire(connection, executor_id)
    return executor_id, row


def taken_back(connection: Connection, executor_id: UUID) -> Coroutine[Any, Any, list[asyncpg.Record]]:
    return rescue(connection, [executor_id], lambda token: "started", Limits(3, 10))


async def rescued_beside(worker: Actor, rescuer: Actor, write: str) -> str | None:
    """Let a rescue run while a write is not committed, and again after it; where the job is."""
    executor_id, row = await lost_attempt(worker.connection, write)
    last_words = worker.connection.transaction()
    await last_words.start()
    assert await written(worker.connection, row, write)
    step = await rescuer.start(taken_back(rescuer.connection, executor_id))
    assert not step.blocked
    await step.result()
    await last_words.commit()
    await taken_back(rescuer.connection, executor_id)
    return await place(rescuer.connection, row["job_id"])


@pytest.mark.parametrize("write", WRITES)
async def test_a_rescue_passes_over_a_lease_whose_ledger_is_written_and_judges_it_afterwards(
    connect: Connect, write: str
) -> None:
    worker, rescuer = await Stage(connect).actors("worker", "rescuer")
    assert await rescued_beside(worker, rescuer, write) == WRITES[write][3]


@pytest.mark.parametrize("write", WRITES)
async def test_without_the_lock_on_its_lease_what_is_written_would_come_behind_the_verdict(
    connect: Connect, write: str
) -> None:
    worker, rescuer = await Stage(connect).actors("worker", "rescuer")
    with mutated(WRITES[write][0], UNLOCKED):
        assert await rescued_beside(worker, rescuer, write) == WRITES[write][2]


class Pause:
    """Stops a rescue between its look into the ledger and its verdict."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = asyncio.Event()
        self.go = asyncio.Event()
        self._read = effects.read_open
        monkeypatch.setattr(effects, "read_open", self._read_and_wait)

    async def _read_and_wait(self, connection: Connection, job_ids: list[UUID]) -> dict[UUID, list[OpenEffect]]:
        found = await self._read(connection, job_ids)
        self.reached.set()
        await self.go.wait()
        return found


async def written_beside(
    worker: Actor, rescuer: Actor, write: str, pause: Pause
) -> tuple[bool, bool, asyncpg.Record, str | None]:
    """Let a worker write between lock and verdict: whether it waited, whether it was accepted, its job, its place."""
    executor_id, row = await lost_attempt(worker.connection, write)
    judging = asyncio.create_task(taken_back(rescuer.connection, executor_id))
    await pause.reached.wait()
    step = await worker.start(written(worker.connection, row, write))
    blocked = step.blocked
    pause.go.set()
    assert len(await judging) == 1
    return blocked, await step.result(), row, await place(worker.connection, row["job_id"])


@pytest.mark.parametrize("write", WRITES)
async def test_nothing_is_written_between_the_lock_of_a_rescue_and_its_verdict(
    connect: Connect, write: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, rescuer = await Stage(connect).actors("worker", "rescuer")
    blocked, accepted, row, where = await written_beside(worker, rescuer, write, Pause(monkeypatch))
    assert (blocked, accepted, where) == (True, False, WRITES[write][2])
    if WRITES[write][1] is None:
        assert await effects.read(worker.connection, [row["job_id"]]) == []
    else:
        assert (await kept(worker.connection, row["job_id"]))["state"] == WRITES[write][1]


@pytest.mark.parametrize("write", WRITES)
async def test_without_its_own_lock_a_worker_would_write_between_lock_and_verdict(
    connect: Connect, write: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, rescuer = await Stage(connect).actors("worker", "rescuer")
    with mutated(WRITES[write][0], UNLOCKED):
        blocked, accepted, row, where = await written_beside(worker, rescuer, write, Pause(monkeypatch))
    assert (blocked, accepted, where) == (False, True, WRITES[write][2])
    # Judged by a ledger that was another one when the verdict was written.
    assert (await kept(worker.connection, row["job_id"]))["state"] == ("happened" if write == "outcome" else "open")


async def in_one_statement(connection: Connection, row: asyncpg.Record) -> list[asyncpg.Record]:
    """A verdict as it must not be made: it looks with a snapshot from before it had the lock."""
    return await connection.fetch(OF_ONE_STATEMENT, row["job_id"])


async def seen_behind_a_write(
    worker: Actor, judge: Actor, look: Callable[[Connection, asyncpg.Record], Coroutine[Any, Any, list[asyncpg.Record]]]
) -> list[asyncpg.Record]:
    """Start `look` while an intent is not committed, and let it find its lock free only after the commit."""
    row = await claimed_job(worker.connection)
    last_words = worker.connection.transaction()
    await last_words.start()
    await open_effect(worker.connection, row)
    step = await judge.start(look(judge.connection, row))
    assert step.blocked
    await last_words.commit()
    return await step.result()


@pytest.mark.parametrize("outcome", [VANISHED, STOPPED], ids=["vanished", "stopped"])
async def test_who_waits_for_a_lease_reads_its_ledger_in_a_later_statement(connect: Connect, outcome: Outcome) -> None:
    async def judged(connection: Connection, row: asyncpg.Record) -> list[asyncpg.Record]:
        return await leases.end(connection, row["job_id"], [ending(row, outcome)])

    worker, executor = await Stage(connect).actors("dying child", "executor")
    (row,) = await seen_behind_a_write(worker, executor, judged)
    assert row["state"] == "IN_DOUBT"


async def test_in_one_statement_with_its_lock_the_ledger_would_be_read_as_it_was_before(connect: Connect) -> None:
    worker, executor = await Stage(connect).actors("dying child", "executor")
    assert await seen_behind_a_write(worker, executor, in_one_statement) == []


async def test_an_intent_does_not_stand_behind_a_request_to_cancel(connect: Connect) -> None:
    worker, operator = await Stage(connect).actors("worker", "operator")
    row = await claimed_job(worker.connection)
    async with operator.connection.transaction():
        await jobs.cancel(operator.connection, row["job_id"], actor="ann", reason=None)
        step = await worker.start(open_effect(worker.connection, row))
        assert not step.blocked
        assert (await step.result())["held"]


async def test_an_intent_behind_an_ending_of_its_own_claim_waits_for_it_and_is_refused(connect: Connect) -> None:
    ender, worker = await Stage(connect).actors("finisher", "handler's thread")
    row = await claimed_job(ender.connection)
    async with ender.connection.transaction():
        await leases.end(ender.connection, row["job_id"], [ending(row, STOPPED.outcome)])
        step = await worker.start(open_effect(worker.connection, row))
        assert step.blocked
    assert not (await step.result())["held"]


async def test_an_intent_said_again_while_the_first_is_not_committed_finds_it_or_opens_it_once(
    connect: Connect,
) -> None:
    first, again = await Stage(connect).actors("broken connection", "new connection")
    row = await claimed_job(first.connection)
    async with first.connection.transaction():
        await open_effect(first.connection, row)
        step = await again.start(open_effect(again.connection, row))
        assert step.blocked
    assert (await step.result())["held"]
    assert await close_effect(again.connection, row)
    assert await again.connection.fetchval("select count(*) from easyflow.effects") == 1

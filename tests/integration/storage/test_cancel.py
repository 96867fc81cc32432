"""Cancelling: at once while nobody runs the job, else through its flag; and always found, however it moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import get_args
from uuid import UUID, uuid4

import pytest

from easyflow.domain.outcome import Failed, Fault, PutBack, Succeeded
from easyflow.domain.rescue import Fate
from easyflow.errors import Conflict, Missing, StorageUnavailable
from easyflow.storage import jobs, workers
from easyflow.storage.admission import admit
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import (
    BACK,
    DONE,
    ENDINGS,
    FAILED,
    STOPPED,
    VANISHED,
    assert_conserved,
    claim,
    concurrent,
    end,
    key,
    ordered,
    outcomes,
    place,
    run_through,
    start_executor,
    submit,
    ticket,
)
from tests.support.interleave import Stage

ALL = {**ENDINGS, "snooze": PutBack("snoozed", 60.0, None), "lose": VANISHED, "stop": STOPPED}
WAITING = {
    "READY": ticket,
    "SCHEDULED": lambda: ticket(delay_seconds=3600.0),
    "BLOCKED": concurrent,
}


async def cancel(connection: Connection, job_id: UUID) -> str:
    return await acts.cancel(connection, job_id, actor="ann", reason="not wanted")


@pytest.mark.parametrize("state", WAITING)
async def test_a_job_nobody_runs_is_cancelled_at_once(connect: Connect, state: str) -> None:
    connection = await connect()
    (job_id,) = await submit(connection, WAITING[state]())
    assert await place(connection, job_id) == state
    assert await cancel(connection, job_id) == "cancelled"
    assert await place(connection, job_id) == "CANCELLED"
    assert await cancel(connection, job_id) == "cancelled"
    events = await connection.fetch("select kind, actor, reason from easyflow.job_events")
    assert [tuple(row) for row in events] == [("cancelled", "ann", "not wanted")]


async def test_a_running_job_is_asked_to_stop_and_its_executor_is_told(connect: Connect) -> None:
    connection = await connect()
    executor_id = uuid4()
    job_id, other = await submit(connection, ticket(), ticket())
    await claim(connection, 2, executor_id=executor_id)
    assert await workers.cancelled_jobs(connection, [executor_id]) == []
    assert await cancel(connection, job_id) == "requested"
    assert await cancel(connection, job_id) == "requested"
    assert await workers.cancelled_jobs(connection, [executor_id]) == [(executor_id, job_id)]
    assert await workers.cancelled_jobs(connection, [uuid4()]) == []
    assert await place(connection, other) == "RUNNING"
    events = await connection.fetch("select job_id, kind from easyflow.job_events")
    assert [tuple(row) for row in events] == [(job_id, "cancel requested")]


@pytest.mark.parametrize("kind", ALL)
async def test_a_job_with_the_flag_ends_cancelled_whatever_its_ending_says(connect: Connect, kind: str) -> None:
    connection = await connect()
    (job_id,) = await submit(connection, ticket())
    claimed = await claim(connection)
    await cancel(connection, job_id)
    (accepted,) = await end(connection, claimed, ALL[kind])
    assert accepted["state"] == "CANCELLED"
    assert await place(connection, job_id) == "CANCELLED"
    assert await connection.fetchval("select count(*) from easyflow.dead_letters") == 0
    await assert_conserved(connection, 1)


@pytest.mark.parametrize("fate", get_args(Fate))
async def test_a_job_with_the_flag_ends_cancelled_when_its_executor_dies(connect: Connect, fate: Fate) -> None:
    connection = await connect()
    executor_id = await start_executor(connection)
    (job_id,) = await submit(connection, ticket())
    await claim(connection, executor_id=executor_id)
    await cancel(connection, job_id)
    await workers.retire(connection, executor_id)
    moved = await rescue(connection, [executor_id], lambda token: fate, Limits(3, 10))
    assert [row["state"] for row in moved] == ["CANCELLED"]
    assert await place(connection, job_id) == "CANCELLED"


async def test_the_result_of_a_cancelled_job_is_not_kept(connect: Connect) -> None:
    connection = await connect()
    cancelled, kept = await submit(connection, ticket(), ticket())
    claimed = await claim(connection, 2)
    await cancel(connection, cancelled)
    await end(connection, claimed, Succeeded('{"paid": true}'))
    assert [row["job_id"] for row in await connection.fetch("select job_id from easyflow.results")] == [kept]


@pytest.mark.parametrize("kind", ["put_back", "fail"])
async def test_the_history_says_that_an_attempt_was_cancelled(connect: Connect, kind: str) -> None:
    connection = await connect()
    (job_id,) = await submit(connection, ticket())
    claimed = await claim(connection)
    await cancel(connection, job_id)
    await end(connection, claimed, ALL[kind])
    assert await outcomes(connection, job_id) == ["cancelled"]


async def test_a_cancelled_holder_lets_the_next_of_its_key_go(connect: Connect) -> None:
    connection = await connect()
    first, second = await submit(connection, ordered(), ordered())
    await admit(connection, [key(in_order=True)])
    await cancel(connection, first)
    assert await place(connection, second) == "READY"


@pytest.mark.parametrize("outcome", [DONE, FAILED], ids=["SUCCEEDED", "FAILED"])
async def test_a_job_that_ended_otherwise_cannot_be_cancelled(connect: Connect, outcome: Succeeded | Failed) -> None:
    connection = await connect()
    job_id = await run_through(connection, outcome)
    with pytest.raises(Conflict, match="already"):
        await cancel(connection, job_id)


async def test_only_a_job_that_never_was_is_missing(connect: Connect) -> None:
    with pytest.raises(Missing):
        await cancel(await connect(), uuid4())


async def test_a_cancel_that_waits_for_a_claim_finds_the_lease(connect: Connect) -> None:
    worker, operator = await Stage(connect).actors("worker", "operator")
    (job_id,) = await submit(worker.connection, ticket())
    claiming = worker.connection.transaction()
    await claiming.start()
    await claim(worker.connection)
    asked = await operator.start(cancel(operator.connection, job_id))
    assert asked.blocked
    await claiming.commit()
    assert await asked.result() == "requested"


async def test_a_cancel_that_waits_for_a_hand_back_finds_the_ticket(connect: Connect) -> None:
    worker, operator = await Stage(connect).actors("worker", "operator")
    (job_id,) = await submit(worker.connection, ticket())
    claimed = await claim(worker.connection)
    returning = worker.connection.transaction()
    await returning.start()
    await end(worker.connection, claimed, BACK)
    asked = await operator.start(cancel(operator.connection, job_id))
    assert asked.blocked
    await returning.commit()
    assert await asked.result() == "cancelled"


async def test_one_look_would_not_find_a_job_that_moves(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LOOKS", 1)
    worker, operator = await Stage(connect).actors("worker", "operator")
    (job_id,) = await submit(worker.connection, ticket())
    claimed = await claim(worker.connection)
    returning = worker.connection.transaction()
    await returning.start()
    await end(worker.connection, claimed, BACK)
    asked = await operator.start(cancel(operator.connection, job_id))
    await returning.commit()
    with pytest.raises(StorageUnavailable):
        await asked.result()


async def keep_moving(connection: Connection, job_id: UUID) -> None:
    """Claim the job, hand it back, put it back, promote it: until it is cancelled."""
    back = (BACK, PutBack("retried", 0.0, Fault("E", "no")))
    for turn in range(10_000):
        claimed = await claim(connection)
        if claimed:
            (accepted,) = await end(connection, claimed, back[turn % 2])
            if accepted["state"] == "CANCELLED":
                return
        await statement("promote_jobs").fetch(connection, after=datetime(1970, 1, 1, tzinfo=UTC), max_jobs=10)
        if not claimed and await place(connection, job_id) == "CANCELLED":
            return
    raise AssertionError("the job was never cancelled")


async def test_a_job_that_never_rests_is_always_found(connect: Connect) -> None:
    worker, operator = await connect(), await connect()
    for _ in range(40):
        (job_id,) = await submit(worker, ticket())
        async with asyncio.timeout(20):
            moving = asyncio.create_task(keep_moving(worker, job_id))
            answers = [await cancel(operator, job_id), await cancel(operator, job_id)]
            await moving
        assert set(answers) <= {"requested", "cancelled"}
        assert await place(operator, job_id) == "CANCELLED"
    await assert_conserved(operator, 40)


async def test_a_scheduled_job_is_started_early_once(connect: Connect) -> None:
    connection = await connect()
    plain, keyed = await submit(connection, ticket(delay_seconds=3600.0), concurrent(delay_seconds=3600.0))
    for job_id in (plain, keyed):
        assert await acts.run_now(connection, job_id, actor="ann", reason=None) == "default"
        assert await place(connection, job_id) == "READY"
        with pytest.raises(Conflict, match="READY"):
            await acts.run_now(connection, job_id, actor="ann", reason=None)
    with pytest.raises(Missing):
        await acts.run_now(connection, uuid4(), actor="ann", reason=None)
    kinds = [row["kind"] for row in await connection.fetch("select kind from easyflow.job_events")]
    assert kinds == ["run now", "run now"]


async def test_a_job_started_early_queues_for_a_key_that_is_full(connect: Connect) -> None:
    connection = await connect()
    holder, later = await submit(connection, concurrent(), concurrent(delay_seconds=3600.0))
    await admit(connection, [key()])
    await acts.run_now(connection, later, actor="ann", reason=None)
    assert [await place(connection, holder), await place(connection, later)] == ["READY", "BLOCKED"]


async def test_a_blocked_job_cannot_be_started_early_and_keeps_its_place(connect: Connect) -> None:
    connection = await connect()
    holder, first, second = await submit(connection, *(concurrent() for _ in range(3)))
    await admit(connection, [key()])
    with pytest.raises(Conflict, match="BLOCKED"):
        await acts.run_now(connection, first, actor="ann", reason=None)
    await cancel(connection, holder)
    assert [await place(connection, first), await place(connection, second)] == ["READY", "BLOCKED"]

"""Rescue: what becomes of the jobs of executors that are gone, and who may take them back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID, uuid4

import asyncpg
import pytest

from easyflow.domain.rescue import Fate
from easyflow.domain.states import Effects
from easyflow.storage import workers
from easyflow.storage.admission import admit, keys_of
from easyflow.storage.rescue import BATCH, Limits, rescue
from easyflow.storage.sql import Connection, statement
from easyflow.storage.tasks import TaskRow, register
from tests.conftest import Connect
from tests.support.factories import (
    DONE,
    TASK,
    assert_conserved,
    claim,
    end,
    key,
    ordered,
    outcomes,
    place,
    start_executor,
    stop_clock,
    submit,
    submit_many,
    ticket,
    ticket_of,
)
from tests.support.interleave import Stage

LIMITS = Limits(losses=3, unstarted=10)
STARTED_AT = datetime(2030, 1, 1, tzinfo=UTC)


def told(fate: Fate) -> Callable[[UUID], Fate]:
    return lambda token: fate


async def announce(connection: Connection, effects: str = "pure") -> None:
    await register(connection, [TaskRow(TASK, effects, "default", 5, 60.0, "shared", "d", "", "{}", None)])


async def lost_jobs(connection: Connection, jobs: int = 1) -> tuple[UUID, list[UUID]]:
    """A dead executor and the jobs it holds."""
    executor_id = await start_executor(connection)
    given = await submit_many(connection, jobs)
    assert len(await claim(connection, jobs, executor_id=executor_id)) == jobs
    await workers.retire(connection, executor_id)
    return executor_id, given


@pytest.mark.parametrize(
    ("fate", "losses", "unstarted", "history"),
    [
        ("started", 1, 0, "lost"),
        ("bystander", 0, 0, "handed_back"),
        ("unstarted", 0, 1, "unstarted"),
        ("unknown", 0, 1, "unstarted"),
    ],
)
async def test_each_fate_is_charged_to_its_own_budget(
    connect: Connect, fate: Fate, losses: int, unstarted: int, history: str
) -> None:
    connection = await connect()
    await announce(connection)
    executor_id, (job_id,) = await lost_jobs(connection)
    moved = await rescue(connection, [executor_id], told(fate), LIMITS)
    assert [(row["job_id"], row["state"]) for row in moved] == [(job_id, "READY")]
    row = await ticket_of(connection, job_id)
    assert (row["losses"], row["unstarted"], row["retry_count"]) == (losses, unstarted, 0)
    assert await outcomes(connection, job_id) == [history]


@pytest.mark.parametrize(
    ("fate", "attempts", "reason", "last"),
    [("started", 3, "lost", "lost"), ("unstarted", 10, "never started", "unstarted")],
)
async def test_the_attempt_that_spends_a_budget_fails_the_job(
    connect: Connect, fate: Fate, attempts: int, reason: str, last: str
) -> None:
    connection = await connect()
    await announce(connection)
    (job_id,) = await submit(connection, ticket())
    for n in range(1, attempts + 1):
        executor_id = await start_executor(connection)
        await claim(connection, executor_id=executor_id)
        await workers.retire(connection, executor_id)
        (moved,) = await rescue(connection, [executor_id], told(fate), LIMITS)
        assert moved["state"] == ("FAILED" if n == attempts else "READY")
    letter = await connection.fetchrow("select reason, error_type, error_message from easyflow.dead_letters")
    assert letter is not None
    assert (letter["reason"], letter["error_type"]) == (reason, "Lost")
    assert (await outcomes(connection, job_id))[-1] == last


@pytest.mark.parametrize("fate", get_args(Fate))
@pytest.mark.parametrize("effects", [*Effects, None])
async def test_an_attempt_without_an_open_effect_runs_again_whatever_its_task_may_do(
    connect: Connect, fate: Fate, effects: str | None
) -> None:
    connection = await connect()
    if effects:
        await announce(connection, effects)
    executor_id, (job_id,) = await lost_jobs(connection)
    await rescue(connection, [executor_id], told(fate), LIMITS)
    assert await place(connection, job_id) == "READY"


async def test_the_fate_is_asked_for_each_claim(connect: Connect) -> None:
    connection = await connect()
    await announce(connection)
    executor_id = await start_executor(connection)
    await submit_many(connection, 3)
    claimed = await claim(connection, 3, executor_id=executor_id)
    await workers.retire(connection, executor_id)
    culprit = claimed[1]["claim_token"]
    await rescue(connection, [executor_id], lambda token: "started" if token == culprit else "bystander", LIMITS)
    losses = [(await ticket_of(connection, row["job_id"]))["losses"] for row in claimed]
    assert losses == [0, 1, 0]


async def test_rescued_jobs_come_before_new_ones(connect: Connect) -> None:
    connection = await connect()
    executor_id, (rescued,) = await lost_jobs(connection)
    await submit_many(connection, 2)
    await rescue(connection, [executor_id], told("unstarted"), LIMITS)
    assert [row["job_id"] for row in await claim(connection, 1)] == [rescued]


async def test_a_rescue_takes_a_batch_at_a_time_until_nothing_is_left(connect: Connect) -> None:
    connection = await connect()
    executor_id, given = await lost_jobs(connection, BATCH + 20)
    sizes = [len(await rescue(connection, [executor_id], told("unstarted"), LIMITS)) for _ in range(3)]
    assert sizes == [BATCH, 20, 0]
    await assert_conserved(connection, len(given))


async def test_jobs_of_other_executors_are_left_alone(connect: Connect) -> None:
    connection = await connect()
    alive = await start_executor(connection)
    (job_id,) = await submit(connection, ticket())
    await claim(connection, executor_id=alive)
    executor_id, _ = await lost_jobs(connection)
    assert len(await rescue(connection, [executor_id], told("unstarted"), LIMITS)) == 1
    assert await place(connection, job_id) == "RUNNING"


async def test_a_lease_that_a_dying_finish_still_holds_is_passed_over_and_found_later(connect: Connect) -> None:
    dying, rescuer = await Stage(connect).actors("dying executor", "rescuer")
    executor_id = await start_executor(dying.connection)
    finished, left = await submit(dying.connection, ticket(), ticket())
    claimed = await claim(dying.connection, 2, executor_id=executor_id)
    await workers.retire(dying.connection, executor_id)
    last_words = dying.connection.transaction()
    await last_words.start()
    await end(dying.connection, claimed[:1], DONE)
    step = await rescuer.start(rescue(rescuer.connection, [executor_id], told("unstarted"), LIMITS))
    assert not step.blocked
    assert [row["job_id"] for row in await step.result()] == [left]
    assert await workers.dead_holders(rescuer.connection) == [executor_id]
    await last_words.rollback()
    again = await rescue(rescuer.connection, [executor_id], told("unstarted"), LIMITS)
    assert [row["job_id"] for row in again] == [finished]
    assert await workers.dead_holders(rescuer.connection) == []


async def test_several_rescuers_at_once_charge_each_job_once(connect: Connect) -> None:
    connections = [await connect() for _ in range(4)]
    executor_id, given = await lost_jobs(connections[0], 300)
    moved: list[asyncpg.Record] = []
    for _ in range(3):
        for rows in await asyncio.gather(
            *(rescue(each, [executor_id], told("unstarted"), LIMITS) for each in connections)
        ):
            moved += rows
    assert sorted(row["job_id"] for row in moved) == sorted(given)
    assert await connections[0].fetchval("select max(unstarted) from easyflow.ready") == 1


async def test_a_lost_head_keeps_its_key_and_a_failed_one_lets_the_next_go(connect: Connect) -> None:
    connection = await connect()
    await announce(connection)
    head, after = await submit(connection, ordered(), ordered())
    await admit(connection, [key(in_order=True)])
    for limits, expected in ((LIMITS, ["READY", "BLOCKED"]), (Limits(1, 1), ["FAILED", "READY"])):
        executor_id = await start_executor(connection)
        await claim(connection, executor_id=executor_id)
        await workers.retire(connection, executor_id)
        await admit(connection, keys_of(await rescue(connection, [executor_id], told("started"), limits)))
        assert [await place(connection, head), await place(connection, after)] == expected


async def test_an_executor_whose_lease_ran_out_is_declared_dead_and_cannot_renew(connect: Connect) -> None:
    connection = await connect()
    await stop_clock(connection, STARTED_AT)
    worker_id = uuid4()
    silent, lively = [await start_executor(connection, 15.0, worker_id) for _ in range(2)]
    await stop_clock(connection, STARTED_AT + timedelta(seconds=10))
    assert await workers.renew(connection, worker_id, [lively], 15.0) == {lively}
    await stop_clock(connection, STARTED_AT + timedelta(seconds=15))
    assert await workers.retire_expired(connection) == []
    await stop_clock(connection, STARTED_AT + timedelta(seconds=16))
    assert await workers.retire_expired(connection) == [silent]
    assert await workers.renew(connection, worker_id, [silent, lively], 15.0) == {lively}
    await workers.retire(connection, lively)
    assert await workers.renew(connection, worker_id, [silent, lively], 15.0) == set()


async def test_an_executor_that_renews_right_now_is_not_declared_dead(connect: Connect) -> None:
    supervisor, rescuer = await Stage(connect).actors("supervisor", "rescuer")
    worker_id = uuid4()
    executor_id = await start_executor(supervisor.connection, -1.0, worker_id)
    renewing = supervisor.connection.transaction()
    await renewing.start()
    await workers.renew(supervisor.connection, worker_id, [executor_id], 15.0)
    step = await rescuer.start(workers.retire_expired(rescuer.connection))
    assert not step.blocked
    assert await step.result() == []
    await renewing.commit()
    assert await workers.retire_expired(rescuer.connection) == []


async def test_only_dead_executors_that_still_hold_something_are_listed(connect: Connect) -> None:
    connection = await connect()
    await submit_many(connection, 3)
    alive, idle, holder = [await start_executor(connection) for _ in range(3)]
    for executor_id in (alive, holder):
        await claim(connection, executor_id=executor_id)
    for executor_id in (idle, holder):
        await workers.retire(connection, executor_id)
    assert await workers.dead_holders(connection) == [holder]


async def test_workers_are_listed_with_what_they_run(connect: Connect) -> None:
    connection = await connect()
    worker_id = uuid4()
    await workers.register(connection, worker_id, host="h", pid=7, version="1", queues=["q"], tasks=["t"])
    await workers.register(connection, worker_id, host="x", pid=8, version="2", queues=[], tasks=[])
    executors = [await start_executor(connection, worker_id=worker_id) for _ in range(2)]
    await submit_many(connection, 3)
    await claim(connection, 3, executor_id=executors[0])
    await workers.retire(connection, executors[1])
    await workers.set_state(connection, worker_id, "draining")
    (row,) = await statement("list_workers").fetch(connection, max_workers=10)
    assert (row["host"], row["state"], row["executors"], row["running"]) == ("h", "draining", 1, 3)

"""How attempts end: where the job goes, what history says, and what a batch with one bad member does."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from easyflow.domain.outcome import Failed, Fault, Outcome, PutBack, Succeeded
from easyflow.storage import jobs, leases, tasks, workers
from easyflow.storage.sql import statement
from easyflow.storage.tasks import TaskRow
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import (
    BACK,
    DONE,
    FAILED,
    FAULT,
    RETRY,
    SNOOZE,
    TASK,
    VANISHED,
    assert_conserved,
    claim,
    end,
    ending,
    outcomes,
    place,
    run_through,
    start_executor,
    submit,
    submit_many,
    ticket,
    ticket_of,
)


async def test_a_success_keeps_its_result_and_tells_its_history(connect: Connect) -> None:
    connection = await connect()
    executor_id = uuid4()
    (job_id,) = await submit(connection, ticket())
    (row,) = await claim(connection, executor_id=executor_id)
    claimed_at = await connection.fetchval("select claimed_at from easyflow.leases")
    await end(connection, [row], Succeeded('{"paid": true}'), executor_id)
    job = await jobs.read(connection, job_id)
    assert (job["state"], job["result"], job["lease_no"]) == ("SUCCEEDED", '{"paid": true}', 1)
    (attempt,) = await jobs.read_attempts(connection, [job_id])
    assert (attempt["outcome"], attempt["executor_id"], attempt["code_digest"]) == ("succeeded", executor_id, "c0de")
    assert attempt["claimed_at"] == claimed_at
    assert attempt["finished_at"] - attempt["started_at"] == timedelta(seconds=0.25)


async def test_a_null_result_takes_no_row(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, DONE)
    assert await connection.fetchval("select count(*) from easyflow.results") == 0
    assert (await jobs.read(connection, job_id))["result"] is None


async def test_a_retry_is_counted_and_waits_and_a_snooze_is_not_counted(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, PutBack("retried", 60.0, FAULT))
    row = await ticket_of(connection, job_id)
    assert (row["state"], row["retry_count"], row["run_at"] - row["since"]) == (
        "SCHEDULED", 1, timedelta(seconds=60),
    )  # fmt: skip
    await acts.run_now(connection, job_id, actor="ann", reason=None)
    await end(connection, await claim(connection), SNOOZE)
    assert (await ticket_of(connection, job_id))["retry_count"] == 1
    assert await outcomes(connection, job_id) == ["retried", "snoozed"]


async def test_a_failure_leaves_a_dead_letter_with_its_own_facts(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, FAILED, payload='{"n": 1}', tags=["b", "a"], priority=4)
    assert await place(connection, job_id) == "FAILED"
    letter = await connection.fetchrow("select * from easyflow.dead_letters")
    assert letter is not None
    expected = {
        "job_id": job_id, "version": 1, "failures": 1, "state": "open", "reason": "attempts exhausted", "task": TASK,
        "queue": "default", "tags": ["a", "b"], "payload": '{"n": 1}', "priority": 4, "error_type": FAULT.type,
        "error_message": FAULT.message, "error_code": FAULT.code, "traceback": FAULT.traceback, "lease_no": 1,
    }  # fmt: skip
    assert {name: letter[name] for name in expected} == expected


async def test_a_job_handed_back_pays_nothing_and_leaves_no_history(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, BACK)
    row = await ticket_of(connection, job_id)
    assert [row[name] for name in ("state", "retry_count", "losses", "unstarted")] == ["READY", 0, 0, 0]
    assert await outcomes(connection, job_id) == []


async def test_a_vanished_child_costs_a_loss(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, VANISHED)
    row = await ticket_of(connection, job_id)
    assert [row[name] for name in ("state", "losses", "unstarted")] == ["READY", 1, 0]
    assert await outcomes(connection, job_id) == ["lost"]


async def test_a_failure_may_cost_a_loss(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, Failed("lost", FAULT, loss=1))
    assert (await ticket_of(connection, job_id))["losses"] == 1


async def test_endings_of_every_kind_are_recorded_together(connect: Connect) -> None:
    connection = await connect()
    given = await submit_many(connection, 5)
    kinds: list[Outcome] = [DONE, RETRY, FAILED, BACK, VANISHED]
    claimed = await claim(connection, 5)
    accepted = await leases.end(
        connection, uuid4(), [ending(row, kind) for row, kind in zip(claimed, kinds, strict=True)]
    )
    states = {row["job_id"]: row["state"] for row in accepted}
    assert [states[job_id] for job_id in given] == ["SUCCEEDED", "SCHEDULED", "FAILED", "READY", "READY"]
    assert [await place(connection, job_id) for job_id in given] == [states[job_id] for job_id in given]


async def test_one_result_that_cannot_be_kept_stops_its_whole_batch(connect: Connect) -> None:
    connection = await connect()
    given = await submit_many(connection, 500)
    claimed = await claim(connection, 500)
    endings = [ending(row, Succeeded('{"n": 1}')) for row in claimed]
    endings[250].outcome = Succeeded('"a\\u0000b"')
    with pytest.raises(asyncpg.DataError):
        await leases.end(connection, uuid4(), endings)
    for table in ("results", "finished", "attempts"):
        assert await connection.fetchval(f"select count(*) from easyflow.{table}") == 0
    assert await connection.fetchval("select count(*) from easyflow.leases") == 500
    assert len(await leases.end(connection, uuid4(), endings[:250])) == 250
    await assert_conserved(connection, len(given))


async def test_one_error_text_that_cannot_be_kept_stops_its_whole_batch(connect: Connect) -> None:
    connection = await connect()
    await submit_many(connection, 3)
    endings = [ending(row, FAILED) for row in await claim(connection, 3)]
    endings[1].outcome = Failed("handler gave up", Fault("E", "a\0b"))
    with pytest.raises(asyncpg.DataError):
        await leases.end(connection, uuid4(), endings)
    assert await connection.fetchval("select count(*) from easyflow.leases") == 3


async def test_a_renewal_of_leases_stands_behind_no_finish(connect: Connect) -> None:
    worker, supervisor = await connect(), await connect()
    worker_id = uuid4()
    executors = [await start_executor(worker, worker_id=worker_id) for _ in range(3)]
    await submit_many(worker, 30)
    claimed = [row for each in executors for row in await claim(worker, 10, executor_id=each)]
    async with worker.transaction():
        await end(worker, claimed)
        await supervisor.execute("set lock_timeout = '1ms'")
        assert await workers.renew(supervisor, worker_id, executors, 15.0) == set(executors)


async def test_tasks_are_announced_again_and_read_by_name(connect: Connect) -> None:
    connection = await connect()
    row = TaskRow("b", "pure", "default", 5, 300.0, "shared", "d1", "", "{}", None)
    other = TaskRow("a", "unsafe", "money", 1, 30.0, "process", "d1", "pays", '{"type": "object"}', "{}")
    await tasks.register(connection, [row, other])
    await tasks.register(connection, [TaskRow("b", "keyed", "other", 2, 1.0, "shared", "d2", "", "{}", None)])
    assert [(r["name"], r["effects"], r["queue"]) for r in await tasks.read(connection)] == [
        ("a", "unsafe", "money"), ("b", "keyed", "other"),
    ]  # fmt: skip
    assert [r["name"] for r in await tasks.read(connection, ["b", "never"])] == ["b"]


async def test_where_jobs_are_is_read_for_a_page_of_ids(connect: Connect) -> None:
    connection = await connect()
    over = await run_through(connection, DONE)
    (waiting,) = await submit(connection, ticket(delay_seconds=60.0))
    read = await statement("read_states").fetch(connection, job_ids=[over, waiting, ticket().id])
    assert {row["job_id"]: row["state"] for row in read} == {over: "SUCCEEDED", waiting: "SCHEDULED"}

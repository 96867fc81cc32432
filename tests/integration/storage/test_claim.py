"""Claiming: order, nobody twice, nothing lost, and what a claim must leave alone."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID, uuid4

from easyflow.storage import claims
from easyflow.storage.sql import Connection
from easyflow.storage.streams import Streams
from tests.conftest import Connect
from tests.support.factories import (
    BACK,
    DONE,
    TASK,
    assert_conserved,
    claim,
    end,
    place,
    run_through,
    submit,
    submit_many,
    ticket,
    ticket_of,
)
from tests.support.intents import claimed_job, close_effect, open_effect
from tests.support.interleave import Stage
from tests.support.mutations import mutated

IN_ORDER = "\norder by c.priority, c.lane, c.ready_seq"


async def test_a_batch_comes_back_in_order_of_priority(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, *(ticket(priority=99 - n) for n in range(100)))
    claimed = await claim(connection, 100)
    assert [row["priority"] for row in claimed] == list(range(100))


async def test_without_its_last_order_a_batch_comes_back_in_order_of_arrival(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, *(ticket(priority=99 - n) for n in range(100)))
    with mutated("claim_jobs", (IN_ORDER, "")):
        claimed = await claim(connection, 100)
    assert [row["priority"] for row in claimed] == list(range(99, -1, -1))


async def test_a_claim_tells_the_open_effects_of_its_own_job_and_a_first_one_looks_for_none(connect: Connect) -> None:
    connection = await connect()
    charged, unsure, idle = [await claimed_job(connection) for _ in range(3)]
    assert [row["open_effects"] for row in (charged, unsure, idle)] == [None] * 3
    for row, ordinal in ((charged, 1), (charged, 2), (unsure, 1), (unsure, 3)):
        await open_effect(connection, row, ordinal)
    assert await close_effect(connection, charged, ordinal=2)
    await end(connection, [charged, unsure, idle], BACK)
    again = {row["job_id"]: row["open_effects"] for row in await claim(connection, 3)}
    assert again == {charged["job_id"]: [1], unsure["job_id"]: [1, 3], idle["job_id"]: []}


async def test_jobs_of_one_priority_are_claimed_in_the_order_they_were_given(connect: Connect) -> None:
    connection = await connect()
    given = await submit_many(connection, 50)
    claimed = [row["job_id"] for _ in range(5) for row in await claim(connection, 10)]
    assert claimed == given


async def test_only_the_most_urgent_are_taken_when_there_is_no_room_for_all(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, *(ticket(priority=n % 3) for n in range(30)))
    assert [row["priority"] for row in await claim(connection, 10)] == [0] * 10


async def test_a_claim_gives_the_executor_what_the_job_says(connect: Connect) -> None:
    connection = await connect()
    (job_id,) = await submit(connection, ticket(payload='{"n": 1}', max_attempts=7, timeout_seconds=2.5))
    executor_id = uuid4()
    (row,) = await claim(connection, executor_id=executor_id)
    lease = await connection.fetchrow("select * from easyflow.leases where job_id = $1", job_id)
    assert lease is not None
    assert (row["payload"], row["max_attempts"], row["timeout_seconds"], row["task"]) == ('{"n": 1}', 7, 2.5, TASK)
    assert (row["lease_no"], row["retry_count"], row["losses"], row["replay_no"]) == (1, 0, 0, 0)
    assert (lease["claim_token"], lease["lease_no"]) == (row["claim_token"], row["lease_no"])
    assert (lease["claimed_at"].timestamp(), lease["executor_id"]) == (row["claimed_at"], executor_id)


async def test_each_claimed_job_has_a_token_of_its_own(connect: Connect) -> None:
    connection = await connect()
    await submit_many(connection, 50)
    assert len({row["claim_token"] for row in await claim(connection, 50)}) == 50


async def test_a_worker_claims_only_tasks_it_has_from_queues_it_serves(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, ticket(task="other"), ticket(queue="elsewhere"), mine := ticket())
    assert [row["job_id"] for row in await claim(connection, 10)] == [mine.id]


async def test_several_queues_are_claimed_in_the_order_given(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, *(ticket(queue=name) for name in "abc" for _ in range(3)))
    claimed = await claim(connection, 5, queues="cab")
    assert sorted(row["queue"] for row in claimed) == ["a", "a", "c", "c", "c"]


async def test_what_a_lost_reply_had_claimed_is_found_by_its_claim_and_given_back(connect: Connect) -> None:
    connection = await connect()
    jobs = await submit_many(connection, 3)
    executor_id, claim_id = uuid4(), uuid4()
    await claim(connection, 2, executor_id=executor_id, claim_id=claim_id)
    await claim(connection, 1, executor_id=executor_id)
    assert await claims.hand_back_claims(connection, uuid4(), [claim_id]) == 0
    assert await claims.hand_back_claims(connection, executor_id, [claim_id]) == 2
    assert [await place(connection, job_id) for job_id in jobs] == ["READY", "READY", "RUNNING"]


async def test_the_number_of_the_lease_rises_with_every_claim(connect: Connect) -> None:
    connection = await connect()
    await submit_many(connection, 1)
    numbers = []
    for _ in range(3):
        (row,) = await claim(connection)
        numbers.append(row["lease_no"])
        await end(connection, [row], BACK)
    assert numbers == [1, 2, 3]


async def test_a_job_that_is_over_is_not_claimed_again(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, DONE)
    assert await claim(connection) == []
    assert (await ticket_of(connection, job_id))["state"] == "SUCCEEDED"


async def test_a_claim_passes_over_what_another_one_holds(connect: Connect) -> None:
    first, second = await Stage(connect).actors("first", "second")
    given = await submit_many(first.connection, 5)
    held = first.connection.transaction()
    await held.start()
    assert len(await claim(first.connection, 2)) == 2
    step = await second.start(claim(second.connection, 2))
    assert not step.blocked
    assert [row["job_id"] for row in await step.result()] == given[2:4]
    await held.rollback()
    assert [row["job_id"] for row in await claim(second.connection, 9)] == [*given[:2], given[4]]


class RolledBack(Exception):
    """The claimer's transaction is given up."""


async def claimer(connection: Connection, taken: list[UUID], left: list[int], chance: random.Random) -> None:
    """Claim in batches until all are taken; one transaction in ten is rolled back."""
    streams = Streams()
    while left[0]:
        try:
            async with connection.transaction():
                rows = await claim(connection, 20, streams=streams)
                if chance.random() < 0.1:
                    raise RolledBack
        except RolledBack:
            streams.forget()
            continue
        taken += [row["job_id"] for row in rows]
        left[0] -= len(rows)
        if len(rows) < 20:
            streams.forget()
            await asyncio.sleep(0)


async def mover(connection: Connection, left: list[int]) -> None:
    """Move tickets within `ready` as long as there are any, each time to another place in the order."""
    while left[0]:
        await connection.execute(
            """
            with t as (delete from easyflow.ready where job_id = any (array(
                select job_id from easyflow.ready order by random() limit 10 for update skip locked)) returning *)
            insert into easyflow.ready (job_id, ready_at, priority, lane, queue, task)
            select job_id, ready_at, 1 - priority, 0, queue, task from t
            """
        )


async def test_eight_claimers_take_each_job_once_while_some_roll_back_and_tickets_move(connect: Connect) -> None:
    jobs = 3000
    claimers = [await connect() for _ in range(8)]
    given = await submit_many(claimers[0], jobs)
    taken: list[UUID] = []
    left = [jobs]
    async with asyncio.timeout(30):
        await asyncio.gather(
            *(claimer(each, taken, left, random.Random(n)) for n, each in enumerate(claimers)),
            mover(await connect(), left),
        )
    assert (len(taken), set(taken)) == (jobs, set(given))
    await assert_conserved(claimers[0], jobs)
    assert await claimers[0].fetchval("select count(*) from easyflow.leases") == jobs


async def test_the_tables_of_tickets_are_neither_partitioned_nor_inherited(connect: Connect) -> None:
    connection = await connect()
    kinds = await connection.fetch(
        """
        select c.relname, c.relkind from pg_class as c
        where c.oid = any (array['easyflow.ready', 'easyflow.parked', 'easyflow.leases']::regclass[])
          and (c.relkind <> 'r' or exists (select from pg_inherits where c.oid in (inhparent, inhrelid)))
        """
    )
    assert kinds == []

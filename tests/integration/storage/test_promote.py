"""Promotion: what is due moves on, in order, once, and to where its key sends it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from easyflow.domain.outcome import PutBack
from easyflow.storage.admission import admit, keys_of
from easyflow.storage.enqueue import NewTicket
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support.factories import (
    FAULT,
    RETRY,
    assert_conserved,
    claim,
    concurrent,
    end,
    key,
    ordered,
    place,
    stop_clock,
    submit,
    ticket,
)
from tests.support.interleave import Stage

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


async def promote(connection: Connection, after: datetime = LONG_AGO, max_jobs: int = 1000) -> list[asyncpg.Record]:
    return await statement("promote_jobs").fetch(connection, after=after, max_jobs=max_jobs)


async def scheduled(connection: Connection, *minutes: int) -> list[UUID]:
    return await submit(connection, *(ticket(run_at=NOON + timedelta(minutes=n)) for n in minutes))


async def test_only_what_is_due_by_easyflows_clock_is_promoted(connect: Connect) -> None:
    connection = await connect()
    await stop_clock(connection, NOON - timedelta(minutes=1))
    early, late = await scheduled(connection, 5, 6)
    assert await promote(connection) == []
    await stop_clock(connection, NOON + timedelta(minutes=5))
    assert [(row["job_id"], row["state"]) for row in await promote(connection)] == [(early, "READY")]
    assert [await place(connection, early), await place(connection, late)] == ["READY", "SCHEDULED"]


async def test_promoted_jobs_are_claimed_in_the_order_in_which_they_were_due(connect: Connect) -> None:
    connection = await connect()
    await stop_clock(connection, NOON)
    third, first, second = await scheduled(connection, 3, 1, 2)
    await stop_clock(connection, NOON + timedelta(hours=1))
    await promote(connection)
    assert [row["job_id"] for row in await claim(connection, 3)] == [first, second, third]


async def test_a_promotion_takes_the_longest_due_first_and_says_when_they_were_due(connect: Connect) -> None:
    connection = await connect()
    await stop_clock(connection, NOON)
    jobs = await scheduled(connection, 4, 3, 2, 1)
    await stop_clock(connection, NOON + timedelta(hours=1))
    moved = await promote(connection, max_jobs=2)
    assert {row["job_id"] for row in moved} == set(jobs[2:])
    assert max(row["run_at"] for row in moved) == NOON + timedelta(minutes=2)


async def test_a_promotion_begins_at_its_cursor_itself_included(connect: Connect) -> None:
    connection = await connect()
    await stop_clock(connection, NOON)
    await scheduled(connection, 1)
    together = await submit(connection, *(ticket(run_at=NOON + timedelta(minutes=2)) for _ in range(5)))
    await stop_clock(connection, NOON + timedelta(hours=1))
    first = await promote(connection, after=NOON + timedelta(minutes=2), max_jobs=3)
    rest = await promote(connection, after=max(row["run_at"] for row in first), max_jobs=3)
    assert {row["job_id"] for row in (*first, *rest)} == set(together)


@pytest.mark.parametrize("make", [concurrent, ordered])
async def test_a_job_with_a_key_queues_for_it_when_it_is_due(connect: Connect, make: type[NewTicket]) -> None:
    connection = await connect()
    await stop_clock(connection, NOON)
    (job_id,) = await submit(connection, make(run_at=NOON + timedelta(minutes=1)))  # type: ignore[call-arg]
    await stop_clock(connection, NOON + timedelta(hours=1))
    (row,) = await promote(connection)
    assert row["state"] == await place(connection, job_id) == "BLOCKED"
    await admit(connection, keys_of([row]))
    assert await place(connection, job_id) == "READY"


async def test_jobs_of_one_order_queue_for_it_as_they_were_due(connect: Connect) -> None:
    connection = await connect()
    await stop_clock(connection, NOON)
    later, sooner = await submit(connection, *(ordered(run_at=NOON + timedelta(minutes=n)) for n in (2, 1)))
    await stop_clock(connection, NOON + timedelta(hours=1))
    await promote(connection)
    await admit(connection, [key(in_order=True)])
    assert [await place(connection, later), await place(connection, sooner)] == ["BLOCKED", "READY"]


async def test_the_head_of_an_order_needs_no_admission(connect: Connect) -> None:
    connection = await connect()
    (job_id,) = await submit(connection, ordered())
    await admit(connection, [key(in_order=True)])
    await end(connection, await claim(connection), RETRY)
    assert [(row["job_id"], row["state"]) for row in await promote(connection)] == [(job_id, "READY")]


async def test_a_retry_goes_ahead_of_a_job_that_is_started_for_the_first_time(connect: Connect) -> None:
    connection = await connect()
    await stop_clock(connection, NOON)
    (retried,) = await submit(connection, ticket())
    await end(connection, await claim(connection), PutBack("retried", 120.0, FAULT))
    (first,) = await scheduled(connection, 1)
    await stop_clock(connection, NOON + timedelta(hours=1))
    await promote(connection)
    assert [row["job_id"] for row in await claim(connection, 2)] == [retried, first]


async def test_a_promotion_passes_over_what_another_one_holds(connect: Connect) -> None:
    first, second = await Stage(connect).actors("first", "second")
    await stop_clock(first.connection, NOON)
    early, late = await scheduled(first.connection, 1, 2)
    await stop_clock(first.connection, NOON + timedelta(hours=1))
    held = first.connection.transaction()
    await held.start()
    assert [row["job_id"] for row in await promote(first.connection, max_jobs=1)] == [early]
    step = await second.start(promote(second.connection))
    assert not step.blocked
    assert [row["job_id"] for row in await step.result()] == [late]
    await held.rollback()
    assert [row["job_id"] for row in await promote(second.connection)] == [early]


async def test_several_promoters_move_each_job_once(connect: Connect) -> None:
    connections = [await connect() for _ in range(4)]
    await stop_clock(connections[0], NOON)
    given = await scheduled(connections[0], *range(1, 401))
    await stop_clock(connections[0], NOON + timedelta(days=1))
    moved = []
    for _ in range(8):
        for rows in await asyncio.gather(*(promote(each, max_jobs=30) for each in connections)):
            moved += rows
    assert sorted(row["job_id"] for row in moved) == sorted(given)
    await assert_conserved(connections[0], 400)

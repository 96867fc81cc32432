"""Every job is in exactly one place, whatever moves; and the check sees what is planted against it."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from easyflow.domain.outcome import Outcome, PutBack
from easyflow.storage.admission import FIRST_KEY, admit, keys_of, sweep
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support.factories import (
    BACK,
    DONE,
    FAILED,
    FAULT,
    FIRST_ID,
    RETRY,
    assert_conserved,
    claim,
    concurrent,
    conservation,
    end,
    ordered,
    submit,
    submit_many,
    ticket,
)

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


async def churn(connection: Connection, chance: random.Random, moves: list[int]) -> None:
    """Claim and end in every way there is, promote and admit, until enough has moved."""
    ways: list[Outcome] = [DONE, FAILED, BACK, RETRY, PutBack("snoozed", 0.0, FAULT)]
    while moves[0] > 0:
        accepted: list[asyncpg.Record] = []
        for row in await claim(connection, 10):
            accepted += await end(connection, [row], chance.choices(ways, [1, 1, 50, 50, 50])[0])
        await admit(connection, keys_of(accepted))
        promoted = await statement("promote_jobs").fetch(connection, after=LONG_AGO, max_jobs=50)
        await admit(connection, keys_of(promoted))
        moves[0] -= len(accepted)


async def test_each_picture_of_moving_jobs_shows_each_in_exactly_one_place(connect: Connect) -> None:
    workers = [await connect() for _ in range(4)]
    checker = await connect()
    await submit_many(checker, 60)
    await submit(checker, *(make(f"k{n % 5}") for n in range(30) for make in (concurrent, ordered)))
    await sweep(checker, FIRST_KEY)
    moves, pictures = [600], 0
    tasks = [asyncio.create_task(churn(each, random.Random(n), moves)) for n, each in enumerate(workers)]
    async with asyncio.timeout(30):
        while moves[0] > 0:
            await assert_conserved(checker, 120)
            pictures += 1
        await asyncio.gather(*tasks)
    assert pictures > 50


async def test_a_lost_job_is_found(connect: Connect) -> None:
    connection = await connect()
    lost, _ = await submit_many(connection, 2)
    await connection.execute("delete from easyflow.ready where job_id = $1", lost)
    row = await conservation(connection)
    assert (row["lost"], row["doubled"], row["strangers"]) == ([lost], [], [])


@pytest.mark.parametrize(
    ("into", "columns"),
    [
        ("parked", "job_id, parked_at, priority, state, queue, task"),
        (
            "finished",
            "job_id, finished_at, lease_no, retry_count, losses, unstarted, replay_no, revision, priority, "
            "state, queue, task",
        ),
    ],
)
async def test_a_doubled_job_is_found(connect: Connect, into: str, columns: str) -> None:
    connection = await connect()
    doubled, _ = await submit_many(connection, 2)
    values = columns.replace("parked_at", "ready_at").replace("finished_at", "ready_at")
    values = values.replace("state", "'BLOCKED'" if into == "parked" else "'SUCCEEDED'")
    await connection.execute(
        f"insert into easyflow.{into} ({columns}) select {values} from easyflow.ready where job_id = $1", doubled
    )
    row = await conservation(connection)
    assert (row["lost"], row["doubled"], row["strangers"]) == ([], [doubled], [])


async def test_a_ticket_without_a_job_is_found(connect: Connect) -> None:
    connection = await connect()
    await submit_many(connection, 1)
    stranger = uuid7()
    await submit_many(connection, 1)
    await connection.execute(
        "insert into easyflow.ready (job_id, ready_at, priority, lane, queue, task) values ($1, now(), 0, 1, 'q', 't')",
        stranger,
    )
    row = await conservation(connection)
    assert (row["lost"], row["doubled"], row["strangers"]) == ([], [], [stranger])


async def test_windows_of_jobs_cover_all_of_them_and_blame_nobody_twice(connect: Connect) -> None:
    connection = await connect()
    jobs = await submit_many(connection, 25)
    lost = {jobs[0], jobs[9], jobs[10], jobs[24]}
    await connection.execute("delete from easyflow.ready where job_id = any ($1)", list(lost))
    found: list[UUID] = []
    after: UUID | None = FIRST_ID
    checked = 0
    while after is not None:
        row = await conservation(connection, after, max_jobs=10)
        found += row["lost"]
        checked += row["checked"]
        assert row["doubled"] == row["strangers"] == []
        after = row["last_id"]
    assert (checked, sorted(found)) == (25, sorted(lost))


async def test_an_empty_database_is_right(connect: Connect) -> None:
    row = await conservation(await connect())
    assert tuple(row) == (None, 0, [], [], [])


async def test_a_ticket_is_unique_in_each_table(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, ticket())
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(
            "insert into easyflow.ready (job_id, ready_at, priority, lane, queue, task) "
            "select job_id, ready_at, priority, lane, queue, task from easyflow.ready"
        )

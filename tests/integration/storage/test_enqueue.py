"""Storing new jobs: facts, tickets and tags together, each ticket where it belongs; and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from easyflow.errors import Misconfigured, Missing
from easyflow.storage import enqueue, jobs
from tests.conftest import Connect
from tests.support.factories import (
    assert_conserved,
    birthday,
    claim,
    concurrent,
    ordered,
    place,
    submit,
    submit_many,
    ticket,
)

TOMORROW = datetime.now(UTC) + timedelta(days=1)


def id_at(instant: datetime) -> UUID:
    """A version 7 id of that instant."""
    return UUID(int=int(instant.timestamp() * 1000) << 80 | 0x7 << 76 | 0x8 << 60 | 1)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "READY"),
        ({"run_at": TOMORROW}, "SCHEDULED"),
        ({"delay_seconds": 60.0}, "SCHEDULED"),
        ({"run_at": TOMORROW - timedelta(days=2)}, "READY"),
        ({"delay_seconds": 0.0}, "READY"),
        ({"key": "k", "ordered": False}, "BLOCKED"),
        ({"key": "k", "ordered": True, "run_at": TOMORROW}, "SCHEDULED"),
    ],
)
async def test_a_new_job_goes_where_it_belongs(connect: Connect, facts: dict[str, Any], state: str) -> None:
    connection = await connect()
    async with connection.transaction():
        stored = await enqueue.store(connection, [new := ticket(**facts)])
    assert [(row["id"], row["state"]) for row in stored.fresh] == [(new.id, state)]
    assert await place(connection, new.id) == state


async def test_jobs_are_answered_in_the_order_given(connect: Connect) -> None:
    connection = await connect()
    made = [ticket(), concurrent(), ticket(delay_seconds=9.0), ordered(), ticket()]
    given = [made[n] for n in (3, 0, 4, 2, 1)]
    async with connection.transaction():
        stored = await enqueue.store(connection, given)
    assert stored.ids == [t.id for t in given]
    assert [row["id"] for row in stored.fresh] == stored.ids
    assert [row["state"] for row in stored.fresh] == ["BLOCKED", "READY", "READY", "SCHEDULED", "BLOCKED"]


async def test_a_job_is_kept_as_it_was_submitted(connect: Connect) -> None:
    connection = await connect()
    (job_id,) = await submit(
        connection,
        ordered(
            "acct-7",
            task="claims.pay",
            queue="money",
            payload='{"amount": 1.10}',
            priority=-3,
            run_at=TOMORROW,
            max_attempts=2,
            timeout_seconds=1.5,
            tags=["b", "a"],
        ),
    )
    row = dict(await jobs.read(connection, job_id))
    expected = {
        "task": "claims.pay",
        "queue": "money",
        "payload": '{"amount": 1.10}',
        "priority": -3,
        "key": "acct-7",
        "ordered": True,
        "run_at": TOMORROW,
        "max_attempts": 2,
        "timeout_seconds": 1.5,
        "tags": ["a", "b"],
        "state": "SCHEDULED",
        "retry_count": 0,
        "result": None,
    }
    assert {name: row[name] for name in expected} == expected


async def test_a_job_that_never_was_is_missing(connect: Connect) -> None:
    with pytest.raises(Missing):
        await jobs.read(await connect(), ticket().id)


async def test_all_jobs_of_a_batch_are_stored_or_none(connect: Connect) -> None:
    connection = await connect()
    with pytest.raises(asyncpg.DataError):
        await submit(connection, ticket(tags=["x"]), ticket(payload='"a\\u0000b"'))
    await assert_conserved(connection, 0)
    assert await connection.fetchval("select count(*) from easyflow.job_tags") == 0


async def test_nobody_sees_a_job_before_its_transaction_commits(connect: Connect) -> None:
    user, worker = await connect(), await connect()
    async with user.transaction():
        await enqueue.store(user, [ticket()])
        assert await claim(worker) == []
    assert len(await claim(worker)) == 1


async def test_ids_of_yesterday_to_a_week_ahead_find_their_day(connect: Connect) -> None:
    connection = await connect()
    today = await birthday(connection)
    given = [ticket(id=id_at(today + timedelta(days=days))) for days in range(-1, 8)]
    await submit(connection, *given)
    await assert_conserved(connection, 9)
    days = await connection.fetchval("select count(distinct tableoid) from easyflow.jobs")
    assert days == 9


@pytest.mark.parametrize("days", [-3, 31])
async def test_an_id_without_a_day_is_refused_in_words(connect: Connect, days: int) -> None:
    connection = await connect()
    far = ticket(id=id_at(await birthday(connection) + timedelta(days=days)))
    with pytest.raises(Misconfigured, match="easyflow doctor"):
        await submit(connection, ticket(), far)
    await assert_conserved(connection, 0)


@pytest.mark.parametrize("facts", [{"timeout_seconds": 0.0}, {"max_attempts": 0}])
async def test_a_job_that_breaks_a_rule_of_the_tables_is_not_blamed_on_a_missing_day(
    connect: Connect, facts: dict[str, Any]
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await submit(await connect(), ticket(**facts))


async def test_a_key_without_its_kind_would_wait_for_ever_and_is_refused(connect: Connect) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await submit(await connect(), ticket(key="k", ordered=None))


async def test_ten_thousand_jobs_are_one_statement(connect: Connect) -> None:
    connection = await connect()
    given = await submit_many(connection, 10_000)
    assert [row["job_id"] for row in await claim(connection, 10_000)] == given

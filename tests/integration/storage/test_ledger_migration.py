"""Migration 0003 on a database with days behind it: old rows stay, old days take new words, the old release runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic import command

from easyflow.domain.outcome import Outcome
from easyflow.local.postgres import LocalPostgres
from easyflow.storage import effects
from easyflow.storage.migrations import alembic_config
from easyflow.storage.sql import Connection, statement
from tests.support.earlier import claim_earlier
from tests.support.factories import (
    BACK,
    DONE,
    DOUBT,
    FAILED,
    RETRY,
    claim,
    end,
    outcomes,
    place,
    submit,
    submit_many,
    ticket,
)
from tests.support.intents import intent_of
from tests.support.mutations import mutated
from tests.support.postgres import fresh_database

BEFORE = ["succeeded", "failed", "retried", "snoozed", "handed_back", "cancelled", "lost", "unstarted"]


async def upgrade(url: str, revision: str) -> None:
    await asyncio.to_thread(command.upgrade, alembic_config(url), revision)


async def downgrade(url: str, revision: str) -> None:
    await asyncio.to_thread(command.downgrade, alembic_config(url), revision)


RUN_COLUMNS = {"run_id": "uuid", "step_no": "smallint", "part": "bigint", "items": "integer"}


@pytest.fixture
async def lived_in(
    postgres_server: LocalPostgres, database_admin: asyncpg.Connection
) -> AsyncIterator[tuple[str, Connection]]:
    """A database of the release before: its address and a connection to it."""
    async with fresh_database(database_admin, postgres_server, template="template1") as url:
        await upgrade(url, "0002")
        connection = await asyncpg.connect(url)
        yield url, connection
        await connection.close()


async def the_days(connection: Connection, table: str = "jobs") -> list[date]:
    rows = await connection.fetch(
        "select to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') as day from pg_inherits"
        " where inhparent = to_regclass($1) order by 1",
        f"easyflow.{table}",
    )
    return [row["day"] for row in rows]


async def id_of(connection: Connection, day: date) -> UUID:
    """A job id of that day."""
    noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    first: UUID = await connection.fetchval("select easyflow.first_uuid_at($1)", noon)
    return UUID(int=first.int + uuid4().int % 2**48)


async def keep_attempt(connection: Connection, job_id: UUID, outcome: str) -> None:
    await connection.execute(
        "insert into easyflow.attempts (job_id, lease_no, executor_id, claimed_at, finished_at, outcome)"
        " values ($1, 1, gen_random_uuid(), easyflow.clock(), easyflow.clock(), $2)",
        job_id,
        outcome,
    )


async def rules(connection: Connection) -> list[tuple[str, str]]:
    """The check constraints of every day of attempts."""
    rows = await connection.fetch(
        """
        select conrelid::regclass::text as day, pg_get_constraintdef(oid) as rule from pg_constraint
        where contype = 'c' and conrelid::regclass::text like 'easyflow.attempts%' order by 1, 2
        """
    )
    return [tuple(row) for row in rows]


async def test_every_day_before_and_after_takes_attempts_in_doubt_and_no_unknown_word(
    lived_in: tuple[str, Connection],
) -> None:
    url, connection = lived_in
    old_days = await the_days(connection)
    assert len(old_days) == 9
    for day in old_days:
        for outcome in BEFORE:
            await keep_attempt(connection, await id_of(connection, day), outcome)
        with pytest.raises(asyncpg.CheckViolationError):
            await keep_attempt(connection, await id_of(connection, day), "in_doubt")
    await upgrade(url, "0003")
    await connection.execute("select easyflow.create_partitions($1, 2)", old_days[-1] + timedelta(days=1))
    days = await the_days(connection)
    assert len(days) == 11
    for day in days:
        await keep_attempt(connection, await id_of(connection, day), "in_doubt")
        with pytest.raises(asyncpg.CheckViolationError):
            await keep_attempt(connection, await id_of(connection, day), "forgotten")
    counted = await connection.fetch("select outcome, count(*) as n from easyflow.attempts group by 1")
    assert {row["outcome"]: row["n"] for row in counted} == {**dict.fromkeys(BEFORE, 9), "in_doubt": 11}


async def test_it_goes_up_and_down_and_up_again_with_rows_of_several_days(lived_in: tuple[str, Connection]) -> None:
    url, connection = lived_in
    before = await rules(connection)
    old_days = await the_days(connection)
    for day in old_days[:4]:
        await keep_attempt(connection, await id_of(connection, day), "lost")
    await upgrade(url, "0003")
    after = await rules(connection)
    assert await the_days(connection, "effects") == old_days
    in_doubt = await id_of(connection, old_days[0])
    await keep_attempt(connection, in_doubt, "in_doubt")
    (row,) = await submit_and_claim(connection)
    await effects.open_intents(connection, [intent_of(row)])
    await downgrade(url, "0002")
    assert await connection.fetchval("select to_regclass('easyflow.effects')") is None
    assert [rule.removesuffix(" NOT VALID") for _, rule in await rules(connection)] == [rule for _, rule in before]
    assert await outcomes(connection, in_doubt) == ["failed"]
    with pytest.raises(asyncpg.CheckViolationError):
        await keep_attempt(connection, await id_of(connection, old_days[0]), "in_doubt")
    await connection.execute("select easyflow.create_partitions($1, 1)", old_days[-1] + timedelta(days=1))
    await upgrade(url, "0003")
    assert await the_days(connection, "effects") == await the_days(connection)
    assert {rule for _, rule in await rules(connection)} == {rule for _, rule in after}
    assert await connection.fetchval("select count(*) from easyflow.attempts") == 5


async def submit_and_claim(connection: Connection) -> list[asyncpg.Record]:
    await submit(connection, ticket())
    return await claim_as_of_then(connection)


async def claim_as_of_then(connection: Connection) -> list[asyncpg.Record]:
    """Claim as the release of this migration does, which knows of no runs."""
    of_runs = ", ".join(f"null::{kind} as {name}" for name, kind in RUN_COLUMNS.items())
    of_jobs = ", ".join(RUN_COLUMNS)
    with mutated("claim_jobs", (f"timeout_seconds, {of_jobs} from", f"timeout_seconds, {of_runs} from")):
        return await claim(connection)


async def test_what_the_release_before_says_is_still_understood(lived_in: tuple[str, Connection]) -> None:
    url, connection = lived_in
    waiting = await submit_many(connection, 4)
    claimed = await claim_earlier(connection, 4)
    await upgrade(url, "0003")
    kinds: list[Outcome] = [DONE, FAILED, RETRY, BACK]
    for row, outcome in zip(claimed, kinds, strict=True):
        assert await end(connection, [row], outcome)
    assert [await place(connection, job_id) for job_id in waiting] == ["SUCCEEDED", "FAILED", "SCHEDULED", "READY"]
    await submit(connection, ticket())
    assert len(await end(connection, await claim_earlier(connection, 2))) == 2
    assert await submit_and_claim(connection)
    # It adds days by the same function, and knows of nothing new in them.
    (made,) = await statement("create_partitions").fetch(connection, days_ahead=9)
    assert made["created"] > 0
    assert await the_days(connection, "effects") == await the_days(connection)


async def test_a_job_that_was_stored_before_may_be_in_doubt_after_it(lived_in: tuple[str, Connection]) -> None:
    url, connection = lived_in
    await submit(connection, ticket())
    (row,) = await claim_earlier(connection)
    await upgrade(url, "0003")
    (answer,) = await effects.open_intents(connection, [intent_of(row)])
    assert answer["held"]
    assert [moved["state"] for moved in await end(connection, [row], DOUBT)] == ["IN_DOUBT"]
    assert await outcomes(connection, row["job_id"]) == ["in_doubt"]

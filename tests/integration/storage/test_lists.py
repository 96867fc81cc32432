"""What lists are composed of: tables as the migrations made them, and pages that never read a table from end to end."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from uuid_utils.compat import uuid7

from easyflow.domain.states import State
from easyflow.domain.workflow.states import RunState
from easyflow.errors import StorageUnavailable
from easyflow.local.postgres import LocalPostgres
from easyflow.storage import lists, tables
from easyflow.storage.lists import DeadLetterFilter, JobFilter, list_dead_letters, list_jobs, picture, read_rows
from easyflow.storage.runs import lists as runs
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.crowd import gather_crowd
from tests.support.factories import claim, submit, submit_many, ticket
from tests.support.postgres import fresh_database

LAST = UUID(int=2**128 - 1)
VALUES = {
    "task": "'t1'",
    "queue": "'q1'",
    "tag": "'tag1'",
    "reason": "'x'",
    "since": f"'{UUID(int=0)}'",
    "after": f"'{LAST}'",
    "most": "51",
    "workflow": "'w1'",
    "key": "'k7'",
    "run_id": f"'{LAST}'",
}
SHAPES = list(itertools.product([None, *State], *[(True, False)] * 3))


@pytest.fixture(scope="module")
async def crowded(postgres_server: LocalPostgres, database_admin: asyncpg.Connection) -> AsyncIterator[Connection]:
    """A database with some thousand rows in every table."""
    async with fresh_database(database_admin, postgres_server) as url:
        connection = await asyncpg.connect(url)
        await gather_crowd(connection)
        yield connection
        await connection.close()


async def test_the_tables_are_what_the_migrations_made(connect: Connect) -> None:
    connection = await connect()
    for table in tables.METADATA.sorted_tables:
        for column in table.columns:
            kind = await connection.fetchval(
                "select format_type(atttypid, atttypmod) from pg_attribute"
                " where attrelid = $1::text::regclass and attname = $2",
                f"easyflow.{table.name}",
                column.name,
            )
            assert kind == column.type.compile(dialect.dialect()).lower()  # type: ignore[no-untyped-call]


async def full_scans(connection: Connection, compiled: tuple[str, tuple[str, ...]]) -> set[str]:
    """The tables that the plan a held connection settles on reads from end to end."""
    text, names = compiled
    await connection.execute("set plan_cache_mode = force_generic_plan")
    await connection.execute(f"prepare listed as {text}")
    try:
        values = ", ".join(VALUES[name] for name in names)
        told = await connection.fetchval(f"explain (format json) execute listed({values})")
    finally:
        await connection.execute("deallocate listed")
    return {node["Relation Name"] for node in nodes(json.loads(told)[0]["Plan"]) if node["Node Type"] == "Seq Scan"}


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from nodes(child)


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_page_of_jobs_is_found_through_an_index_whatever_is_filtered(
    crowded: Connection, shape: tuple[State | None, bool, bool, bool]
) -> None:
    query = lists._jobs_query(*shape)
    today = await crowded.fetchval("select right(tableoid::regclass::text, 8) from easyflow.jobs limit 1")
    for compiled in (query._first, query._later):
        filled = {"ready", "leases", "parked", "job_tags", f"jobs_{today}", f"finished_{today}"}
        assert await full_scans(crowded, compiled) & filled == set(), compiled


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_page_of_the_jobs_of_a_run_is_found_through_an_index_whatever_is_filtered(
    crowded: Connection, shape: tuple[State | None, bool, bool, bool]
) -> None:
    query = lists._jobs_query(*shape, any_run=False)
    today = await crowded.fetchval("select right(tableoid::regclass::text, 8) from easyflow.jobs limit 1")
    for compiled in (query._first, query._later, query._count):
        filled = {"run_steps", "ready", "leases", "parked", "job_tags", f"jobs_{today}", f"finished_{today}"}
        assert await full_scans(crowded, compiled) & filled == set(), compiled


@pytest.mark.parametrize("shape", list(itertools.product([None, *RunState], *[(True, False)] * 3)))
async def test_a_page_of_runs_is_found_through_an_index_whatever_is_filtered(
    crowded: Connection, shape: tuple[RunState | None, bool, bool, bool]
) -> None:
    query = runs._runs_query(*shape)
    for compiled in (query._first, query._later):
        assert await full_scans(crowded, compiled) == set(), compiled


@pytest.mark.parametrize("shape", list(itertools.product([True, False], repeat=4)))
async def test_a_page_of_dead_letters_is_found_through_an_index(
    crowded: Connection, shape: tuple[bool, bool, bool, bool]
) -> None:
    query = lists._letters_query("open", *shape)
    for compiled in (query._first, query._later):
        assert await full_scans(crowded, compiled) == set(), compiled


async def test_no_list_looks_into_more_than_its_own_table_and_the_tags() -> None:
    for shape in SHAPES:
        query = lists._jobs_query(*shape)
        for text, _ in (query._first, query._later, query._count):
            found = {name for name in ("jobs", "ready", "leases", "parked", "finished") if f"easyflow.{name}" in text}
            assert len(found) <= 1, text
            assert "job_states" not in text
            assert ("job_tags" in text) == (not shape[3])


async def test_a_page_is_one_picture_while_its_jobs_move(connect: Connect) -> None:
    reader, mover = await connect(), await connect()
    await submit_many(mover, 3)
    async with picture(reader):
        ready = await reader.fetch("select job_id from easyflow.ready")
        await claim(mover, 3)
        rows = await read_rows(reader, [row["job_id"] for row in ready])
    assert [row["state"] for row in rows] == ["READY"] * 3


async def test_a_picture_writes_nothing(connect: Connect) -> None:
    connection = await connect()
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with picture(connection):
            await connection.execute("delete from easyflow.ready")


async def test_a_picture_leaves_no_limit_behind(connect: Connect) -> None:
    connection = await connect()
    before = await connection.fetchval("show statement_timeout")
    async with picture(connection):
        assert await connection.fetchval("show statement_timeout") == "5s"
    assert await connection.fetchval("show statement_timeout") == before


async def test_a_slow_statement_in_a_picture_is_the_storages_fault(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyflow.storage.lists.LIST_SECONDS", 0.01)
    connection = await connect()
    with pytest.raises(StorageUnavailable, match="longer than"):
        async with picture(connection):
            await connection.execute("select pg_sleep(10)")
    assert await connection.fetchval("select 1") == 1


async def test_created_after_is_read_from_the_id(connect: Connect) -> None:
    connection = await connect()
    now = await connection.fetchval("select easyflow.clock()")
    early, late = [
        UUID(int=int(now.timestamp() * 1000 + shift) << 80 | uuid7().int & (2**80 - 1)) for shift in (-5000, 5000)
    ]
    await submit(connection, ticket(id=early), ticket(id=late))
    found = await list_jobs(connection, JobFilter(created_after=now), after=None, limit=10)
    assert [row["id"] for row in found.rows] == [late]
    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)):
        await list_jobs(connection, JobFilter(created_after=moment), after=None, limit=10)


async def test_lists_of_nothing_are_empty(connect: Connect) -> None:
    connection = await connect()
    assert await read_rows(connection, []) == []
    assert (await list_jobs(connection, JobFilter(), after=None, limit=1)).rows == []
    assert (await list_dead_letters(connection, DeadLetterFilter(), after=None, limit=1)).rows == []

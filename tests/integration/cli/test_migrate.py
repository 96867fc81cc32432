"""`easyflow migrate`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest

from easyflow.local.postgres import LocalPostgres
from easyflow.storage.migrations import wanted_revision
from tests.integration.cli.conftest import Easyflow
from tests.support.postgres import fresh_database


@pytest.fixture
async def empty_url(postgres_server: LocalPostgres, database_admin: asyncpg.Connection) -> AsyncIterator[str]:
    """A database in which nothing was ever created."""
    async with fresh_database(database_admin, postgres_server, template="template0") as url:
        yield url


async def test_it_says_from_where_to_where_and_then_that_nothing_is_left(easyflow: Easyflow, empty_url: str) -> None:
    revision = wanted_revision()
    done = await easyflow("migrate", EASYFLOW_DATABASE_URL=empty_url)
    assert (done.code, done.out) == (0, f"Migrated from an empty database to revision {revision}.\n")
    again = await easyflow("migrate", EASYFLOW_DATABASE_URL=empty_url)
    assert (again.code, again.out) == (0, f"The database is up to date: revision {revision}.\n")
    as_json = await easyflow("migrate", "--json", EASYFLOW_DATABASE_URL=empty_url)
    assert as_json.json == {"before": revision, "after": revision}


async def test_of_several_at_once_one_migrates_and_the_others_wait_for_it(empty_url: str) -> None:
    environment = {**os.environ, "EASYFLOW_DATABASE_URL": empty_url}
    started = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "easyflow.cli.main", "migrate"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        for _ in range(3)
    ]
    told = [(await process.communicate())[0].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], told
    connection = await asyncpg.connect(empty_url)
    assert await connection.fetchval("select string_agg(version_num, ',') from easyflow.alembic_version") == (
        wanted_revision()
    )
    await connection.close()


async def test_a_database_of_a_newer_release_is_left_alone(easyflow: Easyflow, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("update easyflow.alembic_version set version_num = '9999'")
    done = await easyflow("migrate")
    assert done.code == 1
    assert "the migration failed and changed nothing" in done.sentence
    assert "9999" in done.sentence
    await connection.close()


async def test_a_user_without_rights_is_told_in_one_sentence(
    easyflow: Easyflow, empty_url: str, database_admin: asyncpg.Connection
) -> None:
    name = f"guest_{empty_url.rpartition('/')[2]}"[:60]
    await database_admin.execute(f"create role {name} login password 'x'")
    try:
        scheme, rest = empty_url.split("://")
        url = f"{scheme}://{name}:x@{rest.split('@')[1]}"
        done = await easyflow("migrate", EASYFLOW_DATABASE_URL=url)
        assert done.code == 1
        assert "permission denied" in done.sentence
    finally:
        await database_admin.execute(f"drop role {name}")

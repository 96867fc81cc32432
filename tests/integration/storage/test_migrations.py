"""Migrating: from nothing, back to nothing and up again, by several processes at once; and what is read of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import quote

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory

from easyflow.engine.housekeeping import roll_up
from easyflow.errors import StorageUnavailable
from easyflow.local.postgres import LocalPostgres
from easyflow.storage.migrations import alembic_config, migrate, present_revision, wanted_revision
from tests.support.earlier import run_through_earlier
from tests.support.factories import FAILED, run_through, stop_clock
from tests.support.postgres import fresh_database
from tests.support.waiting import until

PROGRAM = "import sys; from easyflow.storage.migrations import migrate; migrate(sys.argv[1])"

SHAPE = """
    select c.relkind::text as kind, c.relname::text as name,
           string_agg(format('%s %s %s', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull), ', '
                      order by a.attnum) as columns
    from pg_class as c
    left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'easyflow'::regnamespace and c.relname not like 'alembic_version%'
    group by 1, 2
    union all
    select 'function', proname, pg_get_function_arguments(oid) from pg_proc
    where pronamespace = 'easyflow'::regnamespace
    order by 1, 2
"""


@pytest.fixture
async def empty_url(postgres_server: LocalPostgres, database_admin: asyncpg.Connection) -> AsyncIterator[str]:
    """The address of a database in which nothing was ever made."""
    async with fresh_database(database_admin, postgres_server, template="template1") as url:
        yield url


async def shape(url: str) -> list[tuple[str, ...]]:
    """Every table, index, view, sequence and function of the schema, with its columns."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(SHAPE)]
    finally:
        await connection.close()


async def process(url: str) -> tuple[int | None, str]:
    """Migrate in a process of its own: how it ended, and what it said."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await running.communicate()
    return running.returncode, said.decode()


async def test_a_database_goes_up_and_down_and_up_again(empty_url: str) -> None:
    assert await present_revision(empty_url) is None
    await asyncio.to_thread(migrate, empty_url)
    assert await present_revision(empty_url) == wanted_revision()
    made = await shape(empty_url)
    connection = await asyncpg.connect(empty_url)
    await run_through(connection, FAILED, tags=["a"])
    await connection.close()
    await asyncio.to_thread(command.downgrade, alembic_config(empty_url), "base")
    assert await shape(empty_url) == []
    assert await present_revision(empty_url) is None
    await asyncio.to_thread(migrate, empty_url)
    assert await shape(empty_url) == made


async def test_a_migration_takes_nothing_that_the_release_before_it_uses(empty_url: str) -> None:
    config = alembic_config(empty_url)
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]
    before: dict[tuple[str, str], list[str]] = {}
    for revision in revisions:
        await asyncio.to_thread(command.upgrade, config, revision)
        after = {(kind, name): (columns or "").split(", ") for kind, name, columns in await shape(empty_url)}
        for known, columns in before.items():
            assert after[known][: len(columns)] == columns, (revision, known)
            assert all(added.endswith(" f") for added in after[known][len(columns) :]), (revision, known)
        before = after
    assert len(revisions) > 1
    assert before


async def test_migrating_what_is_migrated_changes_nothing(database_url: str) -> None:
    made = await shape(database_url)
    await asyncio.to_thread(migrate, database_url)
    assert await shape(database_url) == made


async def test_of_three_that_migrate_at_once_one_does_it_and_the_others_wait(empty_url: str) -> None:
    assert await asyncio.gather(*(process(empty_url) for _ in range(3))) == [(0, "")] * 3
    assert await present_revision(empty_url) == wanted_revision()


async def test_the_schema_does_not_depend_on_the_search_path(empty_url: str, database_url: str) -> None:
    connection = await asyncpg.connect(empty_url)
    await connection.execute(f"alter database {empty_url.rpartition('/')[2]} set search_path = public")
    await connection.close()
    await asyncio.to_thread(migrate, empty_url)
    assert await shape(empty_url) == await shape(database_url)
    await asyncio.to_thread(command.downgrade, alembic_config(empty_url), "base")
    assert await shape(empty_url) == []


async def test_a_migration_that_fails_leaves_nothing(empty_url: str) -> None:
    connection = await asyncpg.connect(empty_url)
    await connection.execute("create schema easyflow; create table easyflow.audit (mine integer)")
    before = await shape(empty_url)
    with pytest.raises(Exception, match="audit"):
        await asyncio.to_thread(migrate, empty_url)
    assert await shape(empty_url) == before
    assert await present_revision(empty_url) is None
    await connection.close()


async def test_a_database_that_is_away_has_no_revision_to_tell(empty_url: str) -> None:
    with pytest.raises(StorageUnavailable, match="never_made"):
        await present_revision(empty_url.rpartition("/")[0] + "/never_made")


@pytest.mark.parametrize("character", ["%", "@", "/"])
def test_an_address_with_odd_characters_reaches_alembic_whole(character: str) -> None:
    address = f"postgresql://ann:{quote(character, safe='')}@db/jobs"
    assert alembic_config(address).get_main_option("sqlalchemy.url") == address.replace("://", "+asyncpg://")


async def test_a_migration_that_waits_too_long_for_running_work_gives_up_and_changes_nothing(empty_url: str) -> None:
    await asyncio.to_thread(command.upgrade, alembic_config(empty_url), "0001")
    before = await shape(empty_url)
    worker, other = await asyncpg.connect(empty_url), await asyncpg.connect(empty_url)
    async with worker.transaction():
        await run_through_earlier(worker, FAILED)
        with pytest.raises(Exception, match="lock timeout"):
            await asyncio.to_thread(migrate, empty_url)
        await asyncio.wait_for(run_through_earlier(other, FAILED), 10)
    assert await shape(empty_url) == before
    assert await present_revision(empty_url) == "0001"
    await asyncio.to_thread(migrate, empty_url)
    assert await present_revision(empty_url) == wanted_revision()
    for connection in (worker, other):
        await run_through(connection, FAILED)
        await connection.close()


async def test_what_ended_on_the_day_before_the_migration_is_counted_after_it(empty_url: str) -> None:
    await asyncio.to_thread(command.upgrade, alembic_config(empty_url), "0001")
    connection = await asyncpg.connect(empty_url)
    now = await connection.fetchval("select easyflow.clock()")
    await stop_clock(connection, now - timedelta(hours=2))
    await run_through_earlier(connection, FAILED)
    await stop_clock(connection, now)
    await asyncio.to_thread(migrate, empty_url)

    async def counted() -> bool:
        await roll_up(connection)
        return bool(await connection.fetchval("select sum(count) = 1 from easyflow.throughput"))

    await until(20, counted)
    await connection.close()

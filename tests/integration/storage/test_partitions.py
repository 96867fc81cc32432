"""Days: created ahead, by several processes at once, each with its indexes; and the clock that counts them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support.factories import birthday, claim, end, start_executor, stop_clock, submit, ticket, ticket_of

TABLES = ("jobs", "finished", "attempts", "results", "effects")
MONTH_AHEAD = 31


async def create(connection: Connection, days_ahead: int) -> int:
    """Create days as housekeeping does, on the day the database was made, whatever midnight has passed since."""
    await stop_clock(connection, await birthday(connection))
    row = await statement("create_partitions").fetchrow(connection, days_ahead=days_ahead)
    assert row is not None
    created: int = row["created"]
    return created


async def days(connection: Connection, table: str) -> int:
    counted = await connection.fetchval(
        "select count(*) from pg_inherits where inhparent = to_regclass($1)", f"easyflow.{table}"
    )
    assert isinstance(counted, int)
    return counted


async def test_a_database_is_born_with_yesterday_today_and_a_week(connect: Connect) -> None:
    connection = await connect()
    assert [await days(connection, table) for table in TABLES] == [9] * len(TABLES)
    assert await create(connection, 7) == 0


async def test_days_are_added_where_the_last_ones_end(connect: Connect) -> None:
    connection = await connect()
    assert await create(connection, 9) == 2 * len(TABLES)
    assert [await days(connection, table) for table in TABLES] == [11] * len(TABLES)


async def test_of_several_processes_that_add_days_one_does_it_and_the_others_wait(connect: Connect) -> None:
    connections = [await connect() for _ in range(4)]
    created = await asyncio.gather(*(create(each, 10) for each in connections))
    assert sorted(created) == [0, 0, 0, 3 * len(TABLES)]


async def test_days_are_added_while_jobs_are_stored_and_finished(connect: Connect) -> None:
    janitor, worker = await connect(), await connect()

    async def work() -> None:
        for _ in range(20):
            await submit(worker, ticket())
            await end(worker, await claim(worker))

    await asyncio.gather(work(), create(janitor, MONTH_AHEAD))
    assert await worker.fetchval("select count(*) from easyflow.finished") == 20


async def test_a_new_day_has_every_index_of_the_first_ones_and_its_primary_key_is_the_youngest(
    connect: Connect,
) -> None:
    connection = await connect()
    await connection.execute("set search_path = public")
    await create(connection, 8)
    rows = await connection.fetch(
        """
        select t.inhparent::regclass::text as parent, t.inhrelid::regclass::text as child,
               array_agg(i.inhparent::regclass::text order by i.inhparent::regclass::text) as indexes,
               bool_and(x.indisvalid) as valid,
               (array_agg(x.indisprimary order by x.indexrelid desc)
                   filter (where a.amname = 'btree' and x.indpred is null))[1] as primary_key_is_youngest,
               array_agg(c.reloptions::text) filter (where a.amname = 'brin') as by_time
        from pg_inherits as t
        join pg_index as x on x.indrelid = t.inhrelid
        join pg_class as c on c.oid = x.indexrelid
        join pg_am as a on a.oid = c.relam
        left join pg_inherits as i on i.inhrelid = x.indexrelid
        where t.inhparent = any (array['easyflow.jobs', 'easyflow.finished', 'easyflow.attempts',
                                       'easyflow.results', 'easyflow.effects']::regclass[])
        group by 1, 2
        """
    )
    assert len(rows) == 10 * len(TABLES)
    expected = {
        "easyflow.jobs": ["easyflow.jobs_pkey", "easyflow.jobs_queue", "easyflow.jobs_run", "easyflow.jobs_task"],
        "easyflow.finished": ["easyflow.finished_not_succeeded", "easyflow.finished_pkey", "easyflow.finished_time"],
        "easyflow.attempts": ["easyflow.attempts_pkey"],
        "easyflow.results": ["easyflow.results_pkey"],
        "easyflow.effects": ["easyflow.effects_pkey"],
    }
    for row in rows:
        assert row["indexes"] == expected[row["parent"]], row["child"]
        assert row["valid"]
        assert row["primary_key_is_youngest"], row["child"]
        by_time = ["{pages_per_range=32,autosummarize=on}"] if row["parent"] == "easyflow.finished" else None
        assert row["by_time"] == by_time, row["child"]


async def test_the_first_id_of_an_instant_is_the_smallest_version_7_id_of_it(connect: Connect) -> None:
    connection = await connect()
    instant = datetime(2026, 3, 1, tzinfo=UTC)
    first = await connection.fetchval("select easyflow.first_uuid_at($1)", instant)
    before = await connection.fetchval("select easyflow.first_uuid_at($1)", instant - timedelta(milliseconds=1))
    assert first == UUID(int=int(instant.timestamp() * 1000) << 80)
    assert before.int + (1 << 80) == first.int


async def test_the_clock_moves_on_inside_a_transaction_and_not_inside_a_statement(connect: Connect) -> None:
    connection = await connect()
    async with connection.transaction():
        first = await connection.fetchval("select easyflow.clock()")
        twice = await connection.fetchrow("select easyflow.clock() as a, pg_sleep(0.001), easyflow.clock() as b")
    assert twice is not None
    assert twice["a"] == twice["b"] > first


async def test_the_clock_may_stand_in_an_index_condition(connect: Connect) -> None:
    connection = await connect()
    assert await connection.fetchval("select provolatile from pg_proc where oid = 'easyflow.clock'::regproc") == b"s"


async def test_a_stopped_clock_decides_about_leases_and_schedules(connect: Connect) -> None:
    connection = await connect()
    stopped = datetime(2031, 5, 5, 12, tzinfo=UTC)
    await stop_clock(connection, stopped)
    executor_id = await start_executor(connection, lease_seconds=15.0)
    until = await connection.fetchval("select lease_until from easyflow.executors where id = $1", executor_id)
    assert until == stopped + timedelta(seconds=15)
    due, later = await submit(connection, ticket(run_at=stopped), ticket(delay_seconds=1.0))
    assert [(await ticket_of(connection, job_id))["state"] for job_id in (due, later)] == ["READY", "SCHEDULED"]
    assert (await ticket_of(connection, later))["run_at"] == stopped + timedelta(seconds=1)
    (row,) = await claim(connection)
    assert row["claimed_at"] == stopped.timestamp()
    await end(connection, [row])
    assert (await ticket_of(connection, due))["finished_at"] == stopped


async def test_the_clock_is_stopped_once_at_most(connect: Connect) -> None:
    connection = await connect()
    await connection.execute("insert into easyflow.clock_override values (true, now())")
    for only_row in (True, False):
        try:
            await connection.execute("insert into easyflow.clock_override values ($1, now())", only_row)
        except asyncpg.IntegrityConstraintViolationError:
            continue
        raise AssertionError("there are two clocks")

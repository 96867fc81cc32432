"""`easyflow doctor` over real servers; what it makes of each figure is in the unit tests."""

from __future__ import annotations

import asyncpg
import pytest

from easyflow.cli import doctor
from easyflow.cli.findings import FEWEST_DAYS_AHEAD
from easyflow.storage import surroundings
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.integration.cli.conftest import Easyflow
from tests.support.factories import birthday, start_executor, stop_clock


async def levels(easyflow: Easyflow, subject: str) -> list[str]:
    items = (await easyflow("doctor", "--json")).json["items"]
    return [item["level"] for item in items if item["subject"] == subject]


async def test_each_rule_has_a_line_and_the_test_servers_durability_is_caught(easyflow: Easyflow) -> None:
    done = await easyflow("doctor")
    assert done.code == 1
    lines = {line[6:].split("  ")[0]: line.split()[0] for line in done.out.splitlines() if "durability" not in line}
    assert lines == {
        "database": "ok", "version": "ok", "role": "ok", "schema": "ok", "isolation": "ok", "clock": "ok",
        "clock override": "ok", "partitions": "ok", "connections": "ok", "timeline": "ok", "transactions": "ok",
        "access": "ok",
    }  # fmt: skip
    assert [line.split()[0] for line in done.out.splitlines() if "durability" in line] == ["FAIL", "FAIL", "ok"]
    assert "fsync is off: a crash can lose jobs that were acknowledged; switch it on" in done.out


async def test_synchronous_commit_is_read_as_this_users_sessions_have_it(
    easyflow: Easyflow, database: Connection
) -> None:
    name = await database.fetchval("select current_database()")
    await database.execute(f"alter database {name} set synchronous_commit = off")
    await database.execute(f"alter database {name} set default_transaction_isolation = 'serializable'")
    assert await levels(easyflow, "durability") == ["FAIL", "FAIL", "FAIL"]
    assert await levels(easyflow, "isolation") == ["FAIL"]


@pytest.mark.parametrize("table", ["jobs", "finished", "attempts", "results"])
async def test_a_day_that_lacks_one_table_is_not_counted(easyflow: Easyflow, database: Connection, table: str) -> None:
    days = (await surroundings.read_upkeep(database))["days_ahead"]
    assert days >= FEWEST_DAYS_AHEAD
    day = await database.fetchval("select to_char((clock_timestamp() at time zone 'UTC')::date + 3, 'YYYYMMDD')")
    await database.execute(f"alter table easyflow.{table} detach partition easyflow.{table}_{day}")
    assert (await surroundings.read_upkeep(database))["days_ahead"] == FEWEST_DAYS_AHEAD - 1
    assert await levels(easyflow, "partitions") == ["FAIL"]


async def test_a_stopped_clock_is_caught(easyflow: Easyflow, database: Connection) -> None:
    await stop_clock(database, await birthday(database))
    assert await levels(easyflow, "clock override") == ["FAIL"]


async def test_connections_are_counted_for_live_executors_only(database: Connection) -> None:
    before = await surroundings.read_upkeep(database)
    assert (before["workers"], before["executors"]) == (0, 0)
    await start_executor(database)
    gone = await start_executor(database, lease_seconds=0.0)
    dead = await start_executor(database)
    await database.execute("update easyflow.executors set state = 'dead' where id = $1", dead)
    after = await surroundings.read_upkeep(database)
    assert (after["workers"], after["executors"]) == (1, 1), gone


async def test_an_old_transaction_is_named_with_process_and_program(
    easyflow: Easyflow, database: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = await asyncpg.connect(database_url, server_settings={"application_name": "a forgotten window"})
    transaction = holder.transaction(isolation="repeatable_read")
    await transaction.start()
    pid = await holder.fetchval("select pg_backend_pid()")
    assert await surroundings.old_transactions(database, 300.0) == []
    (found,) = await surroundings.old_transactions(database, 0.0)
    assert (found["pid"], found["name"], found["state"]) == (pid, "a forgotten window", "idle in transaction")
    monkeypatch.setattr(doctor, "OLD_TRANSACTION_SECONDS", 0.0)
    shown = (await easyflow("doctor")).out
    assert f"process {pid} (a forgotten window, idle in transaction)" in shown
    assert f"select pg_terminate_backend({pid})" in shown
    await holder.close()


async def test_other_users_transactions_that_cannot_be_seen_are_not_called_none(
    easyflow: Easyflow, connect: Connect, database_url: str
) -> None:
    admin = await connect()
    name = f"reader_{await admin.fetchval('select current_database()')}"[:60]
    await admin.execute(f"create role {name} login password 'x'; grant usage on schema easyflow to {name}")
    await admin.execute(f"grant select on all tables in schema easyflow to {name}")
    try:
        scheme, rest = database_url.split("://")
        url = f"{scheme}://{name}:x@{rest.split('@')[1]}"
        items = (await easyflow("doctor", "--json", EASYFLOW_DATABASE_URL=url)).json["items"]
        (transactions,) = [item for item in items if item["subject"] == "transactions"]
        assert transactions["level"] == "warn"
        assert "grant pg_read_all_stats" in transactions["message"]
    finally:
        await admin.execute(f"drop owned by {name}; drop role {name}")


async def test_a_database_without_the_schema_is_told_to_migrate(easyflow: Easyflow, database: Connection) -> None:
    await database.execute("drop schema easyflow cascade")
    done = await easyflow("doctor")
    assert done.code == 1
    assert "FAIL  schema" in done.out
    assert "run `easyflow migrate`" in done.out
    assert "partitions" not in done.out


async def test_an_unreachable_database_is_the_only_finding_and_its_password_stays_secret(easyflow: Easyflow) -> None:
    url = "postgresql://ann:secret@127.0.0.1:1/nowhere"
    done = await easyflow("doctor", EASYFLOW_DATABASE_URL=url)
    assert done.code == 1
    assert done.out.startswith("FAIL  database  cannot reach postgresql://ann@127.0.0.1:1/nowhere")
    assert "secret" not in done.out + done.err
    as_json = await easyflow("doctor", "--json", EASYFLOW_DATABASE_URL=url)
    assert [item["level"] for item in as_json.json["items"]] == ["FAIL"]

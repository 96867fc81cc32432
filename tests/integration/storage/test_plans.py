"""Plans: each statement uses the indexes its contract names, on full tables and on tables that were just made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from easyflow.local.postgres import LocalPostgres
from easyflow.storage.sql import QUERIES, Connection, statement
from tests.conftest import Connect
from tests.support.crowd import gather_crowd
from tests.support.factories import birthday
from tests.support.plans import Plan, generic_plan
from tests.support.postgres import fresh_database

NAMES = sorted(path.stem for path in QUERIES.glob("*.sql"))
INDEXED = [name for name in NAMES if "index" in statement(name).labels]
HOT = [
    "claim_jobs", "finish_jobs", "put_back_jobs", "fail_jobs", "hand_back_jobs", "rescue_jobs", "admit_jobs",
    "promote_jobs", "cancel_waiting_job", "request_cancel", "run_job_now",
    "open_effects", "reopen_effects", "close_effects", "read_open_effects", "lock_claims", "put_in_doubt",
    "emit_items",
]  # fmt: skip


class Eyes:
    """Looks at plans over one connection, for jobs of one day."""

    def __init__(self, connection: Connection, job_id: UUID, day: str) -> None:
        self.connection = connection
        self.job_id = job_id
        self.day = day

    async def plan(self, name: str) -> Plan:
        return await generic_plan(self.connection, statement(name), self.job_id)

    async def missing(self, name: str) -> list[str]:
        return (await self.plan(name)).missing(statement(name).labels["index"], self.day)

    async def full_scans(self, name: str) -> list[str]:
        """Tickets, and facts of that day, which the plan reads from end to end."""
        facts = [f"{table}_{self.day}" for table in ("jobs", "finished", "attempts", "effects")]
        return (await self.plan(name)).full_scans_of("ready", "leases", "parked", *facts)


@pytest.fixture(scope="module")
async def crowded(postgres_server: LocalPostgres, database_admin: asyncpg.Connection) -> AsyncIterator[Eyes]:
    """Eyes on a database with some thousand rows in every table."""
    async with fresh_database(database_admin, postgres_server) as url:
        connection = await asyncpg.connect(url)
        job_id = await gather_crowd(connection)
        where = await connection.fetchval("select tableoid::regclass::text from easyflow.jobs where id = $1", job_id)
        yield Eyes(connection, job_id, where[-8:])
        await connection.close()


@pytest.fixture(params=["as born", "vacuumed and analyzed"])
async def just_made(connect: Connect, request: pytest.FixtureRequest) -> Eyes:
    """Eyes on a database in which there was never a job."""
    connection = await connect()
    if request.param != "as born":
        await connection.execute("vacuum analyze")
    today = await birthday(connection)
    first = await connection.fetchval("select easyflow.first_uuid_at($1)", today)
    return Eyes(connection, first, f"{today:%Y%m%d}")


@pytest.mark.parametrize("name", NAMES)
async def test_the_database_understands_a_statement_and_its_types(crowded: Eyes, name: str) -> None:
    prepared = await crowded.connection.prepare(statement(name).text)
    assert len(prepared.get_parameters()) == len(statement(name).types)


@pytest.mark.parametrize("name", INDEXED)
async def test_a_statement_uses_the_indexes_of_its_contract_on_full_tables(crowded: Eyes, name: str) -> None:
    assert await crowded.missing(name) == []
    assert await crowded.full_scans(name) == []


@pytest.mark.parametrize("name", HOT)
async def test_a_hot_statement_planned_on_tables_just_made_uses_its_indexes(just_made: Eyes, name: str) -> None:
    assert await just_made.missing(name) == []
    assert (await just_made.plan(name)).full_scans_of("ready", "leases", "parked", "jobs_*", "effects_*") == []


async def test_facts_are_found_by_job_id_and_nothing_else_on_tables_just_made(just_made: Eyes) -> None:
    for name in HOT:
        assert strange_indexes(await just_made.plan(name)) == []


async def test_tickets_found_by_order_are_moved_by_their_address_on_tables_just_made(just_made: Eyes) -> None:
    for name, table in (("claim_jobs", "ready"), ("admit_jobs", "parked"), ("promote_jobs", "parked")):
        assert (await just_made.plan(name)).by_address == {table}


@pytest.mark.parametrize(
    "name", ["claim_jobs", "finish_jobs", "admit_jobs", "promote_jobs", "open_effects", "close_effects"]
)
async def test_without_the_width_they_are_born_with_tables_just_made_would_be_scanned(
    just_made: Eyes, name: str
) -> None:
    await just_made.connection.execute(
        "truncate easyflow.ready, easyflow.leases, easyflow.parked, easyflow.jobs, easyflow.effects"
    )
    await just_made.connection.execute("vacuum analyze")
    assert await just_made.full_scans(name) != []


async def test_a_primary_key_that_is_not_the_youngest_index_loses_to_another(just_made: Eyes) -> None:
    await just_made.connection.execute(f"create index jobs_young on easyflow.jobs_{just_made.day} (queue, id)")
    await just_made.connection.execute("vacuum analyze")
    assert strange_indexes(await just_made.plan("claim_jobs")) == ["jobs_young"]


def strange_indexes(plan: Plan) -> list[str]:
    """Indexes of facts that lead to a job by anything but its id."""
    return sorted(name for name in plan.indexes if name.startswith("jobs_") and not name.endswith("_pkey"))


async def test_the_width_outlives_a_vacuum(connect: Connect) -> None:
    connection = await connect()
    await connection.execute("vacuum")
    pages = await connection.fetch(
        """
        select c.oid::regclass::text as name, pg_relation_size(c.oid) / 8192 as pages
        from pg_class as c
        where c.oid = any (array['easyflow.ready', 'easyflow.leases', 'easyflow.parked']::regclass[])
           or c.oid in (select inhrelid from pg_inherits
                        where inhparent = any (array['easyflow.jobs', 'easyflow.effects']::regclass[]))
        """
    )
    assert len(pages) == 3 + 2 * 9
    assert [tuple(row) for row in pages if row["pages"] < 50] == []

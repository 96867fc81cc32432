"""Transactions whose rows tell who wrote them, and a gate that holds their COMMIT up for as long as a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from easyflow.storage.database import Pool, acquired, committed
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.waiting import until

GATE = 4711


async def make_marks(connection: Connection) -> None:
    """Make the table `marks`, whose rows each know their transaction, with a gate before their COMMIT."""
    await connection.execute(
        "create table marks"
        " (writer text not null, part integer not null, transaction xid8 default pg_current_xact_id())"
    )
    await add_gate(connection, "marks")


async def add_gate(connection: Connection, table: str) -> None:
    """Let no transaction that inserts into a table commit while the gate is shut."""
    await connection.execute(
        f"""
        create function pass_gate() returns trigger language plpgsql as
            $$ begin perform pg_advisory_xact_lock_shared({GATE}); return null; end $$;
        create constraint trigger gate after insert on {table} deferrable initially deferred
            for each row execute function pass_gate();
        """
    )


@asynccontextmanager
async def gate_shut(connect: Connect, looker: Connection) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """No such COMMIT ends while this lasts; call it to wait until so many stand before the gate."""
    keeper = await connect()
    await keeper.execute("select pg_advisory_lock($1)", GATE)

    async def standing(count: int) -> None:
        async def so() -> bool:
            found = await looker.fetchval("select count(*) from pg_locks where locktype = 'advisory' and not granted")
            return bool(found == count)

        await until(10, so)

    yield standing
    await keeper.execute("select pg_advisory_unlock($1)", GATE)


async def mark(connection: Connection, writer: str, parts: int = 2) -> None:
    """Write the parts of one writer, one after another."""
    for part in range(parts):
        await connection.execute("insert into marks (writer, part) values ($1, $2)", writer, part)


async def write(pool: Pool, writer: str) -> None:
    """Write both parts of one writer in a transaction."""
    async with acquired(pool) as connection, committed(connection):
        await mark(connection, writer)


async def written(looker: Connection) -> dict[str, int]:
    """How many parts of each writer are there."""
    rows = await looker.fetch("select writer, count(*) as parts from marks group by writer")
    return {row["writer"]: row["parts"] for row in rows}


async def states_of_others(looker: Connection) -> list[str]:
    """What the other connections to this database are doing."""
    rows = await looker.fetch(
        "select state from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
    )
    return [row["state"] for row in rows]

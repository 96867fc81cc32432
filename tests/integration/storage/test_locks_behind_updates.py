"""A ledger statement that waits for one lease while another one of its batch is updated goes on with the newest row.

A row lock in a common table expression that has to look at a newer version of its row has crashed a PostgreSQL 18.6
backend, and the whole server with it: each statement of the ledger is tried with exactly that.
"""

from __future__ import annotations

from typing import Any

import pytest

from easyflow.storage import effects, jobs
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support.factories import claim, submit_many
from tests.support.intents import closing_of, intent_of, open_effect
from tests.support.interleave import Stage


async def say(connection: Connection, what: str, rows: list[Any]) -> int:
    if what == "open":
        return sum(answer["held"] for answer in await effects.open_intents(connection, [intent_of(r) for r in rows]))
    if what == "reopen":
        return len(await effects.reopen_intents(connection, [intent_of(r) for r in rows]))
    if what == "close":
        return len(await effects.close(connection, [closing_of(r) for r in rows]))
    fence = {"job_ids": [r["job_id"] for r in rows], "claim_tokens": [r["claim_token"] for r in rows]}
    return len(await statement("lock_claims").fetch(connection, **fence))


@pytest.mark.parametrize("what", ["open", "reopen", "close", "lock"])
async def test_a_statement_of_the_ledger_survives_rows_that_change_while_it_waits(connect: Connect, what: str) -> None:
    stage = Stage(connect)
    holder, writer, canceller = await stage.actors("holder", "writer", "canceller")
    await submit_many(holder.connection, 2)
    rows = sorted(await claim(holder.connection, max_jobs=2), key=lambda row: row["job_id"])
    if what in ("reopen", "close"):
        for row in rows:
            await open_effect(holder.connection, row)
    began = await holder.connection.fetchval("select pg_postmaster_start_time()")
    async with holder.connection.transaction():
        await holder.connection.execute("select from easyflow.leases where job_id = $1 for update", rows[0]["job_id"])
        said = await writer.start(say(writer.connection, what, rows))
        assert said.blocked
        async with canceller.connection.transaction():
            await jobs.cancel(canceller.connection, rows[1]["job_id"], actor="ann", reason=None)
        await jobs.cancel(holder.connection, rows[0]["job_id"], actor="bob", reason=None)
    assert await said.result() == 2
    assert await canceller.connection.fetchval("select pg_postmaster_start_time()") == began

"""Writing the ledger: effects share commits, a broken line loses none, and a held lease holds up no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from easyflow.engine.connection import HeldConnection
from easyflow.engine.ledger_writer import LedgerRefused, LedgerWriter
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.emitted import chunk_of, parsing
from tests.support.emitted import kept as emitted
from tests.support.intents import claimed_job, closing_of, intent_of, kept
from tests.support.proxy import running_proxy
from tests.support.waiting import until


@pytest.fixture
async def connection(connect: Connect) -> Connection:
    """A connection to look on."""
    return await connect()


@pytest.fixture
async def writer(database_url: str) -> AsyncIterator[LedgerWriter]:
    """A writer on a connection of its own."""
    held = HeldConnection(database_url, "ledger")
    yield LedgerWriter(held)
    await held.close()


async def test_effects_of_one_moment_share_their_commits(connection: Connection, writer: LedgerWriter) -> None:
    rows = [await claimed_job(connection) for _ in range(20)]
    first = await writer.open(intent_of(rows[0]))
    before = await connection.fetchval("select pg_current_xact_id()::text::bigint")
    answers = await asyncio.gather(*(writer.open(intent_of(row)) for row in rows[1:]))
    after = await connection.fetchval("select pg_current_xact_id()::text::bigint")
    assert [answer["held"] for answer in (first, *answers)] == [True] * 20
    assert after - before <= 3


async def test_a_lease_that_somebody_holds_holds_up_its_own_effect_alone(
    connect: Connect, connection: Connection, writer: LedgerWriter
) -> None:
    blocked, free = await claimed_job(connection), await claimed_job(connection)
    holder = await connect()
    async with holder.transaction():
        await holder.execute("select from easyflow.leases where job_id = $1 for update", blocked["job_id"])
        waiting = asyncio.create_task(writer.open(intent_of(blocked)))
        together = asyncio.create_task(writer.open(intent_of(free)))
        assert (await asyncio.wait_for(together, 8))["held"]
        assert await asyncio.wait_for(writer.close(closing_of(free)), 8)
        assert not waiting.done()
    assert (await asyncio.wait_for(waiting, 8))["held"]


@pytest.mark.parametrize("what", ["open_effects", "close_effects", "reopen_effects"])
async def test_what_was_committed_unheard_is_said_again_and_finds_itself(
    connection: Connection, database_url: str, what: str
) -> None:
    row = await claimed_job(connection)
    async with running_proxy(database_url) as proxy:
        held = HeldConnection(proxy.url, "ledger")
        writer = LedgerWriter(held)
        if what == "open_effects":
            proxy.swallow(what)
        answer = await writer.open(intent_of(row))
        assert answer["held"]
        if what == "open_effects":
            assert (answer["state"], answer["claim_token"]) == ("open", row["claim_token"])
        if what == "reopen_effects":
            proxy.swallow(what)
            assert await writer.reopen(intent_of(row))
        if what == "close_effects":
            proxy.swallow(what)
        assert await writer.close(closing_of(row))
        assert proxy.swallowed == {what: 1}
        await held.close()
    found = await kept(connection, row["job_id"])
    assert (found["state"], found["tries"]) == ("happened", 1)


async def test_items_committed_unheard_are_said_again_and_kept_once(connection: Connection, database_url: str) -> None:
    row = await parsing(connection)
    async with running_proxy(database_url) as proxy:
        held = HeldConnection(proxy.url, "ledger")
        writer = LedgerWriter(held)
        proxy.swallow("emit_items")
        chunks = [chunk_of(row, [first, first + 1], first) for first in range(0, 12, 2)]
        assert await asyncio.gather(*(writer.emit(chunk) for chunk in chunks)) == [True] * 6
        assert proxy.swallowed == {"emit_items": 1}
        await held.close()
    assert await emitted(connection, row["run_id"]) == {1: list(range(12))}


async def test_items_under_a_lease_that_somebody_holds_hold_up_no_others(
    connect: Connect, connection: Connection, writer: LedgerWriter
) -> None:
    blocked, free = await parsing(connection), await parsing(connection)
    holder = await connect()
    async with holder.transaction():
        await holder.execute("select from easyflow.leases where job_id = $1 for update", blocked["job_id"])
        waiting = asyncio.create_task(writer.emit(chunk_of(blocked, ["held up"])))
        assert await asyncio.wait_for(writer.emit(chunk_of(free, ["free"])), 8)
        assert not waiting.done()
    assert await asyncio.wait_for(waiting, 8)
    assert await emitted(connection, blocked["run_id"]) == {1: ["held up"]}


async def test_what_postgresql_cannot_keep_is_refused_without_harm_to_its_neighbours(
    connection: Connection, writer: LedgerWriter
) -> None:
    bad, good = await claimed_job(connection), await claimed_job(connection)
    asked = [writer.open(intent_of(bad, name="a\x00b")), writer.open(intent_of(good))]
    refused, answer = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(refused, LedgerRefused)
    assert not isinstance(answer, BaseException)
    assert answer["held"]


async def test_a_caller_that_goes_away_leaves_its_write_and_the_writer_whole(
    connection: Connection, writer: LedgerWriter
) -> None:
    row = await claimed_job(connection)
    asked = asyncio.create_task(writer.open(intent_of(row)))
    await asyncio.sleep(0)
    asked.cancel()

    async def there() -> bool:
        return bool(await connection.fetchval("select count(*) from easyflow.effects"))

    await until(8, there)
    assert await writer.close(closing_of(row))

"""The proxy carries everything faithfully, and breaks exactly what it is told to, at both of its ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from easyflow.storage.database import UNREACHABLE, open_engine
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.proxy import Proxy, proxy_process, running_proxy
from tests.support.waiting import until

COUNT = "-- count_rows\nselect count(*) from public.rows"
ADD = "-- add_row\ninsert into public.rows (n) values ($1) returning n"
QUIET_SECONDS = 0.3

Open = Callable[[], Awaitable[Connection]]


@pytest.fixture
async def direct(connect: Connect) -> Connection:
    """A connection past the proxy; there is a table with nothing in it."""
    connection = await connect()
    await connection.execute("create table public.rows (n integer primary key)")
    return connection


@pytest.fixture
async def proxy(database_url: str, direct: Connection) -> AsyncIterator[Proxy]:
    async with running_proxy(database_url) as running:
        yield running


@pytest.fixture
async def through(proxy: Proxy) -> AsyncIterator[Open]:
    """Call it for one more connection through the proxy."""
    opened: list[Connection] = []

    async def more() -> Connection:
        opened.append(await asyncpg.connect(proxy.url, timeout=5))
        return opened[-1]

    yield more
    for connection in opened:
        connection.terminate()


async def rows(direct: Connection) -> int:
    counted: int = await direct.fetchval(COUNT)
    return counted


async def quiet(doing: Awaitable[Any]) -> asyncio.Future[Any]:
    """Start something that gets no answer now."""
    waiting = asyncio.ensure_future(doing)
    done, _ = await asyncio.wait([waiting], timeout=QUIET_SECONDS)
    assert not done
    return waiting


async def test_an_honest_line_carries_everything_also_what_is_large_or_in_errors(proxy: Proxy, through: Open) -> None:
    connection = await through()
    large = "x" * 3_000_000
    assert await connection.fetchval("select $1::text", large) == large
    with pytest.raises(asyncpg.DivisionByZeroError):
        await connection.fetchval("select 1 / 0")
    for n in range(3):
        assert await connection.fetchval(ADD, n) == n
    await connection.execute("begin; commit")
    assert await connection.fetchval(COUNT) == 3
    assert proxy.state() == {"connections": 1, "swallowed": {}, "to_swallow": {}}
    await connection.close()


async def test_the_word_of_a_commit_is_lost_though_the_server_has_committed(
    proxy: Proxy, through: Open, direct: Connection
) -> None:
    first, second = await through(), await through()
    proxy.swallow("COMMIT")
    with pytest.raises(UNREACHABLE):
        async with first.transaction():
            await first.execute(ADD.replace("$1", "1"))
    assert await rows(direct) == 1
    assert first.is_closed()
    async with second.transaction():
        await second.fetchval(ADD, 2)
    assert await rows(direct) == 2
    assert proxy.swallowed == {"COMMIT": 1}


async def test_the_word_of_a_commit_by_sqlalchemy_is_lost_too(proxy: Proxy, direct: Connection) -> None:
    engine = open_engine(proxy.url, 1, 30.0)
    proxy.swallow("COMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("insert into public.rows values (1)"))
        with pytest.raises(Exception, match="connection was closed"):
            await connection.commit()
    await engine.dispose()
    assert (await rows(direct), proxy.swallowed) == (1, {"COMMIT": 1})


async def test_the_answer_to_a_named_statement_is_lost_also_when_it_was_prepared_before(
    proxy: Proxy, through: Open, direct: Connection
) -> None:
    connection = await through()
    await connection.fetchval(ADD, 1)
    proxy.swallow("add_row", times=2)
    assert await connection.fetchval(COUNT) == 1
    with pytest.raises(UNREACHABLE):
        await connection.fetchval(ADD, 2)
    with pytest.raises(UNREACHABLE):
        await (await through()).fetchval(ADD, 3)
    assert await (await through()).fetchval(ADD, 4) == 4
    assert (await rows(direct), proxy.swallowed) == (4, {"add_row": 2})


async def test_the_answer_to_what_failed_is_no_answer_to_lose(proxy: Proxy, through: Open, direct: Connection) -> None:
    connection = await through()
    await connection.fetchval(ADD, 1)
    proxy.swallow("add_row")
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.fetchval(ADD, 1)
    assert proxy.state() == {"connections": 1, "swallowed": {}, "to_swallow": {"add_row": 1}}
    with pytest.raises(UNREACHABLE):
        await connection.fetchval(ADD, 2)
    assert await rows(direct) == 2


async def test_a_commit_is_also_known_by_what_its_transaction_ran(
    proxy: Proxy, through: Open, direct: Connection
) -> None:
    proxy.swallow("COMMIT of add_row")
    connection = await through()
    async with connection.transaction():
        await connection.fetchval(COUNT)
    with pytest.raises(UNREACHABLE):
        async with connection.transaction():
            await connection.fetchval(ADD, 1)
    async with (again := await through()).transaction():
        await again.fetchval(ADD, 2)
    assert (await rows(direct), proxy.swallowed) == (2, {"COMMIT of add_row": 1})


async def test_a_statement_may_be_kept_from_the_server(proxy: Proxy, through: Open, direct: Connection) -> None:
    connection = await through()
    proxy.refuse("add_row")
    assert await connection.fetchval(COUNT) == 0
    with pytest.raises(UNREACHABLE):
        await connection.fetchval(ADD, 1)
    assert await (await through()).fetchval(ADD, 2) == 2
    assert (await rows(direct), proxy.refused) == (1, {"add_row": 1})


async def test_instead_of_hanging_up_it_may_fall_silent_behind_a_lost_answer(
    proxy: Proxy, through: Open, direct: Connection
) -> None:
    connection, other = await through(), await through()
    proxy.swallow("add_row", then="silence")
    waiting = await quiet(connection.fetchval(ADD, 1))
    assert await rows(direct) == 1
    assert await other.fetchval(COUNT) == 1
    proxy.heal()
    with pytest.raises(UNREACHABLE):
        await waiting


async def test_a_cut_ends_connections_and_a_shut_line_takes_no_more(proxy: Proxy, through: Open) -> None:
    connection = await through()
    sleeping = await quiet(connection.execute("select pg_sleep(60)"))
    proxy.cut()
    with pytest.raises(UNREACHABLE):
        await sleeping
    assert await (await through()).fetchval("select 1") == 1
    proxy.shut()
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await through()
    proxy.heal()
    assert await (await through()).fetchval("select 1") == 1


async def test_a_black_hole_tells_neither_end_and_delivers_when_it_is_healed(
    proxy: Proxy, through: Open, direct: Connection
) -> None:
    connection, leaving = await through(), await through()
    backend = leaving.get_server_pid()
    proxy.blackhole()
    waiting = await quiet(connection.fetchval(ADD, 1))
    joining = await quiet(through())
    leaving.terminate()
    assert await rows(direct) == 0
    assert await there(direct, backend)
    proxy.heal()
    assert await waiting == 1
    assert await (await joining).fetchval(COUNT) == 1

    async def gone() -> bool:
        return not await there(direct, backend)

    await until(10, gone)


async def there(direct: Connection, backend: int) -> bool:
    """Whether the server still has a process for a connection."""
    found: bool = await direct.fetchval("select exists (select from pg_stat_activity where pid = $1)", backend)
    return found


async def test_a_delay_holds_up_each_way(proxy: Proxy, through: Open) -> None:
    connection = await through()
    await connection.fetchval(COUNT)
    proxy.delay(0.1)
    began = time.monotonic()
    await connection.fetchval(COUNT)
    assert time.monotonic() - began >= 0.2
    proxy.heal()


async def test_as_a_process_of_its_own_it_does_the_same(database_url: str, direct: Connection) -> None:
    with proxy_process(database_url) as proxy:
        connection = await asyncpg.connect(proxy.url)
        assert proxy.tell("swallow", what="COMMIT")["connections"] == 1
        with pytest.raises(UNREACHABLE):
            async with connection.transaction():
                await connection.fetchval(ADD, 1)
        assert await rows(direct) == 1
        assert proxy.tell("state")["swallowed"] == {"COMMIT": 1}
        again = await asyncpg.connect(proxy.url)
        proxy.tell("blackhole")
        waiting = await quiet(again.fetchval(COUNT))
        proxy.tell("heal")
        assert await waiting == 1
        proxy.tell("shut")
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await asyncpg.connect(proxy.url, timeout=5)
    assert proxy.process.returncode == 0

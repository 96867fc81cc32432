"""Writes whose COMMIT goes unheard: looked for, repeated once, and done once."""

from __future__ import annotations

from typing import Any

import pytest

from easyflow.errors import CommitUnknown, StorageUnavailable
from easyflow.storage.certainty import certainly
from easyflow.storage.database import acquired, committed, open_pool
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.marks import make_marks, mark, written
from tests.support.proxy import running_proxy
from tests.support.unheard import COMMIT, Fault, strike


@pytest.fixture
async def looker(connect: Connect) -> Connection:
    """A connection beside the line, which has made the table the tests write."""
    connection = await connect()
    await make_marks(connection)
    return connection


@pytest.mark.parametrize(
    ("faults", "runs", "outcome"),
    [
        ((), 1, "written"),
        (("swallow",), 1, "found"),
        (("refuse",), 2, "written"),
        (("refuse", "swallow"), 2, "found"),
        (("refuse", "refuse"), 2, None),
    ],
)
async def test_a_write_is_looked_for_repeated_once_and_never_done_twice(
    database_url: str, looker: Connection, faults: tuple[Fault, ...], runs: int, outcome: str | None
) -> None:
    tried = 0

    async def attempt(connection: Connection) -> str:
        nonlocal tried
        tried += 1
        if len(faults) >= tried:
            strike(proxy, COMMIT, faults[tried - 1])
        async with committed(connection):
            await mark(connection, "one")
        return "written"

    async def look(connection: Connection) -> str | None:
        return "found" if await connection.fetchval("select count(*) from marks") else None

    async with running_proxy(database_url) as proxy:
        pool = await open_pool(proxy.url, size=2)
        if outcome is None:
            with pytest.raises(CommitUnknown):
                await certainly(lambda: acquired(pool), attempt, look)
        else:
            assert await certainly(lambda: acquired(pool), attempt, look) == outcome
        pool.terminate()
    assert tried == runs
    assert await written(looker) == ({"one": 2} if outcome else {})


async def test_a_look_that_cannot_be_taken_leaves_it_unknown(database_url: str) -> None:
    pool = await open_pool(database_url)

    async def attempt(connection: Connection) -> None:
        raise CommitUnknown

    async def look(connection: Connection) -> Any:
        raise StorageUnavailable

    with pytest.raises(CommitUnknown):
        await certainly(lambda: acquired(pool), attempt, look)
    await pool.close()

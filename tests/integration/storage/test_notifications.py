"""Wake-up calls: they reach who listens, many become one, and none is ever missed so badly that somebody fails."""

from __future__ import annotations

import asyncio

import pytest

from easyflow.errors import StorageUnavailable
from easyflow.storage import database
from easyflow.storage.notifications import CONTROL, READY, ReadyBell, notify_control, notify_ready
from easyflow.storage.sql import Connection
from tests.conftest import Connect


class Ear:
    """Remembers what one connection hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self._news = asyncio.Event()

    async def listen(self, connection: Connection) -> None:
        for channel in (READY, CONTROL):
            await connection.add_listener(channel, self._hear)

    def _hear(self, connection: object, pid: int, channel: str, payload: object) -> None:
        self.heard.append((channel, str(payload)))
        self._news.set()

    async def hears(self, count: int) -> list[tuple[str, str]]:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard


async def test_workers_hear_of_each_queue_once_and_of_control(connect: Connect) -> None:
    ear = Ear()
    await ear.listen(await connect())
    speaker = await connect()
    await notify_ready(speaker, ["b", "a", "b"])
    await notify_control(speaker)
    assert await ear.hears(3) == [(READY, "a"), (READY, "b"), (CONTROL, "")]


async def test_many_requests_ring_once_for_a_queue(connect: Connect, database_url: str) -> None:
    ear = Ear()
    await ear.listen(await connect())
    pool = await database.open_pool(database_url, size=2)
    try:
        bell = ReadyBell(pool)
        for _ in range(100):
            bell.ring(["a", "b"])
        await bell.close()
        assert await ear.hears(2) == [(READY, "a"), (READY, "b")]
        bell.ring(["c"])
        await bell.close()
        assert (await ear.hears(3))[2:] == [(READY, "c")]
    finally:
        await pool.close()


async def test_ringing_while_the_database_is_away_fails_nobody(database_url: str) -> None:
    pool = await database.open_pool(database_url.rpartition("@")[0] + "@127.0.0.1:1/none", size=1)
    try:
        bell = ReadyBell(pool)
        bell.ring(["a"])
        await bell.close()
        with pytest.raises(StorageUnavailable):
            async with database.acquired(pool):
                pass
    finally:
        await pool.close()


async def test_a_connection_that_is_refused_says_where_and_why_without_the_password(database_url: str) -> None:
    address, _, _ = database_url.rpartition("/")
    password = address.split(":")[2].split("@")[0]
    with pytest.raises(StorageUnavailable, match="never_made") as refused:
        await database.connect(f"{address}/never_made")
    assert password not in refused.value.message
    with pytest.raises(StorageUnavailable, match="cannot reach"):
        await database.connect(f"{address.rpartition('@')[0]}@127.0.0.1:1/x")

"""Wake-up calls: they reach who listens, many become one, and none is ever missed so badly that somebody fails."""

from __future__ import annotations

import asyncio
import time

import pytest

from easyflow.errors import StorageUnavailable
from easyflow.storage import database, notifications
from easyflow.storage.notifications import (
    CHANGED,
    CONTROL,
    QUIET_SECONDS,
    READY,
    TOPICS,
    ReadyBell,
    bell_over,
    notify_changed,
    notify_control,
    notify_ready,
    topics_in,
)
from easyflow.storage.sql import Connection
from tests.conftest import Connect


class Ear:
    """Remembers what one connection hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self._news = asyncio.Event()

    async def listen(self, connection: Connection) -> None:
        for channel in (READY, CONTROL, CHANGED):
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


async def test_the_first_call_goes_out_at_once_and_the_next_ones_together_after_a_pause(
    connect: Connect, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "DEBOUNCE_SECONDS", 3600.0)
    ear = Ear()
    await ear.listen(await connect())
    pool = await database.open_pool(database_url, size=2)
    try:
        bell = ReadyBell(pool)
        bell.ring(["a"])
        assert await ear.hears(1) == [(READY, "a")]
        for _ in range(100):
            bell.ring(["a", "b"])
        (ringing,) = [task for task in asyncio.all_tasks() if "ReadyBell" in repr(task.get_coro())]
        ringing.cancel()
        await asyncio.wait([ringing])
        assert await ear.hears(1) == [(READY, "a")]
        bell.ring(["c"])
        assert sorted(await ear.hears(4)) == [(READY, "a"), (READY, "a"), (READY, "b"), (READY, "c")]
    finally:
        pool.terminate()


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


async def test_topics_travel_in_one_notice_and_strange_ones_are_left_out(connect: Connect) -> None:
    ear = Ear()
    await ear.listen(await connect())
    await notify_changed(await connect(), "workers", "dead-letters", "jobs")
    [(channel, payload)] = await ear.hears(1)
    assert channel == CHANGED
    assert topics_in(payload) == {"workers", "dead-letters", "jobs"}
    assert topics_in("flows,jobs") == {"jobs"}
    assert topics_in("") == set()
    assert topics_in(",".join(TOPICS)) == TOPICS


async def test_a_change_is_told_soon_and_those_that_follow_a_second_later_together(
    connect: Connect, database_url: str
) -> None:
    ear = Ear()
    await ear.listen(await connect())
    pool = await database.open_pool(database_url, size=2)
    try:
        bell = bell_over(pool)
        began = time.monotonic()
        bell.ring("jobs")
        assert await ear.hears(1) == [(CHANGED, "jobs")]
        for _ in range(100):
            bell.ring("queues")
            bell.ring("jobs")
        assert (await ear.hears(2))[1:] == [(CHANGED, "jobs,queues")]
        assert time.monotonic() - began > QUIET_SECONDS
        bell.ring("workers")
        await bell.close()
        assert (await ear.hears(3))[2:] == [(CHANGED, "workers")]
        bell.ring("jobs")
        await notify_control(await connect())
        assert (await ear.hears(4))[3:] == [(CONTROL, "")]
    finally:
        await pool.close()


async def test_telling_changes_while_the_database_is_away_fails_nobody(database_url: str) -> None:
    pool = await database.open_pool(database_url.rpartition("@")[0] + "@127.0.0.1:1/none", size=1)
    try:
        bell = bell_over(pool)
        bell.ring("jobs")
        await bell.close()
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

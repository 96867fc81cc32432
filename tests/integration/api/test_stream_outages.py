"""The live stream when it cannot hear: who looks on is told to poll, and told of everything afterwards."""

from __future__ import annotations

import os
import signal
from typing import Any

import asyncpg
import pytest

from easyflow.api import live_updates
from easyflow.api.live_updates import LiveUpdates
from easyflow.errors import StorageUnavailable
from easyflow.storage import database, listening
from easyflow.storage.listening import ChangeLine
from easyflow.storage.notifications import TOPICS, notify_changed
from tests.support.live import Live, degraded, listeners, names, serving


async def test_a_lost_connection_is_told_and_made_up_for(live: Live, connection: asyncpg.Connection) -> None:
    async with live.stream() as stream:
        left_at = (await stream.next()).id
        [lost] = await listeners(connection)
        await connection.execute("select pg_terminate_backend($1)", lost)
        told = await stream.next()
        assert (told.name, told.data) == ("degraded", {"polling": True})
        assert await stream.topics() == sorted(TOPICS)
        [found] = await listeners(connection)
        assert found != lost
        await notify_changed(connection, "queues")
        assert await stream.topics() == ["queues"]
        async with live.stream(left_at) as back:
            await back.next()
            assert await back.topics() == sorted(TOPICS)


async def test_a_connection_that_went_silent_is_given_up(
    live: Live, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_updates, "CHECK_EVERY_SECONDS", 0.1)
    monkeypatch.setattr(listening, "CHECK_SECONDS", 0.5)
    async with live.stream() as stream:
        await stream.next()
        [silent] = await listeners(connection)
        os.kill(silent, signal.SIGSTOP)
        try:
            await stream.until(degraded)
        finally:
            os.kill(silent, signal.SIGCONT)
        await stream.until(names(*TOPICS))


async def test_without_a_database_clients_are_told_to_poll_at_once(database_url: str) -> None:
    away = f"{database_url.rpartition('@')[0]}@127.0.0.1:1/none"
    async with serving(away) as live, live.stream() as stream:
        assert [(await stream.next()).name, (await stream.next()).name] == ["hello", "degraded"]


async def test_a_line_on_which_no_notice_arrives_is_none(
    database_url: str, postgres_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a pooler: LISTEN succeeds, and nothing is ever heard. Another database hears as little."""
    monkeypatch.setattr(listening, "PROOF_SECONDS", 0.2)
    pool = await database.open_pool(database_url, size=1)
    elsewhere = postgres_server.url("postgres")
    hub = LiveUpdates(elsewhere, pool)
    try:
        with pytest.raises(StorageUnavailable, match="pooler"):
            await ChangeLine.open(elsewhere, pool, lambda topics: None)
        with hub.seat(None) as seat:
            events = hub.events(seat)
            assert [(await anext(events)).event for _ in range(2)] == ["hello", "degraded"]
            await events.aclose()  # type: ignore[attr-defined]
    finally:
        await hub.close()
        await pool.close()

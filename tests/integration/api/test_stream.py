"""The live stream: every change reaches who looks on, over one connection, and never more than they can take."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import asyncpg
import fastapi.sse
import pytest

from easyflow.api import live_updates
from easyflow.storage.notifications import TOPICS, notify_changed
from tests.support.api import problem
from tests.support.factories import FAILED, TASK, run_through
from tests.support.live import Live, Stream, listeners, names, serving
from tests.support.waiting import until

LONG = 3600.0


async def test_acts_of_the_api_reach_who_looks_on(live: Live, connection: asyncpg.Connection) -> None:
    letter, other = [await run_through(connection, FAILED) for _ in range(2)]
    async with live.stream() as stream:
        assert (await stream.next()).name == "hello"
        submitted = await live.client.post("/api/v1/jobs", json={"task": TASK, "delay_seconds": 600})
        assert await stream.topics() == ["jobs"]
        await live.client.post("/api/v1/jobs/batch", json={"jobs": [{"task": TASK}]})
        assert await stream.topics() == ["jobs"]
        await live.client.patch("/api/v1/queues/letters", json={"paused": True})
        assert await stream.topics() == ["queues"]
        await live.client.post(f"/api/v1/jobs/{submitted.json()['id']}/run-now")
        assert await stream.topics() == ["jobs"]
        await live.client.post(f"/api/v1/jobs/{submitted.json()['id']}/cancel")
        assert await stream.topics() == ["jobs"]
        act = {"reason": "seen", "seen_version": 1}
        replayed = await live.client.post(f"/api/v1/dead-letters/{letter}/replay", json=act)
        assert replayed.status_code == 200
        assert await stream.topics() == ["dead-letters", "jobs"]
        await live.client.post(f"/api/v1/dead-letters/{other}/discard", json=act)
        assert await stream.topics() == ["dead-letters"]


async def test_what_a_stream_says_is_never_buffered_or_kept(live: Live) -> None:
    async with live.stream() as stream:
        assert stream.reply.headers["content-type"].startswith("text/event-stream")
        assert stream.reply.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in stream.reply.headers
        assert stream.reply.headers["cache-control"] in ("no-cache", "no-store")


async def test_ten_clients_share_one_connection_that_goes_when_the_last_one_went(
    live: Live, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await listeners(connection) == []
    monkeypatch.setattr(live_updates, "LINGER_SECONDS", 0.0)
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(live.stream()) for _ in range(10)]
        for stream in streams:
            assert (await stream.next()).name == "hello"
        assert live.backend.live.seats == 10
        await notify_changed(connection, "workers")
        for stream in streams:
            assert await stream.topics() == ["workers"]
        assert len(await listeners(connection)) == 1

    async def nobody_listens() -> bool:
        return not await listeners(connection)

    await until(10, nobody_listens)
    assert live.backend.live.seats == 0
    async with live.stream() as stream:
        await stream.next()
        await notify_changed(connection, "jobs")
        assert await stream.topics() == ["jobs"]


async def test_a_reload_finds_the_connection_still_there(live: Live, connection: asyncpg.Connection) -> None:
    async with live.stream() as stream:
        await stream.next()
        first = await listeners(connection)
    await connection.execute("select pg_sleep(1.2)")  # longer than it takes to notice that nobody looks on
    async with live.stream() as stream:
        await stream.next()
        assert await listeners(connection) == first


async def test_many_changes_become_one_a_second(live: Live, connection: asyncpg.Connection) -> None:
    async with live.stream() as stream:
        await stream.next()
        began = time.monotonic()
        while time.monotonic() - began < 1.2:
            await notify_changed(connection, "jobs")
        await notify_changed(connection, "queues")
        await stream.until(names("queues"))
        changes = [event for event in stream.seen if event.name == "changed"]
        assert len(changes) <= 2 + (time.monotonic() - began)
        ids = [event.id for event in stream.seen if event.id is not None]
        assert ids == sorted(set(ids))


async def test_a_slow_client_is_told_once_of_all_it_missed(
    live: Live, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is slow where it counts: what the server would have to keep for it."""
    monkeypatch.setattr(live_updates, "QUIET_SECONDS", 0.0)
    hub = live.backend.live
    async with live.stream() as quick:
        await quick.next()
        with hub.seat(None) as seat:
            events = hub.events(seat)
            assert (await anext(events)).event == "hello"
            for _ in range(300):
                await notify_changed(connection, "jobs")
                await notify_changed(connection, "workers")
            await notify_changed(connection, "queues")
            await quick.until(names("queues"))
            assert len(seat.topics) <= len(TOPICS)
            told = await anext(events)
            assert told.data == {"topics": ["jobs", "queues", "workers"]}
            await notify_changed(connection, "dead-letters")
            assert (await anext(events)).data == {"topics": ["dead-letters"]}
            await events.aclose()  # type: ignore[attr-defined]


async def test_who_comes_back_is_told_what_changed_meanwhile(live: Live, connection: asyncpg.Connection) -> None:
    async with live.stream() as witness:
        await witness.next()
        async with live.stream() as stream:
            left_at = (await stream.next()).id
        await notify_changed(connection, "workers")
        now = (await witness.until(names("workers"))).id
        async with live.stream(left_at) as stream:
            hello = await stream.next()
            assert hello.data == {"id": str(hello.id)}
            assert await stream.topics() == ["workers"]
        async with live.stream(now) as stream:
            await stream.next()
            await notify_changed(connection, "queues")
            assert await stream.topics() == ["queues"]


@pytest.mark.parametrize("last_id", ["0", "1", "9999999999999999999", "-1", "x" * 5000, "1.5", "٣", "1e3", ""])
async def test_an_id_that_nobody_knows_has_missed_everything(live: Live, last_id: str) -> None:
    named = {b"last-event-id": last_id.encode()}
    async with live.client.stream("GET", "/api/v1/stream", headers=named) as reply:
        stream = Stream(reply)
        assert (await stream.next()).name == "hello"
        assert await stream.topics() == sorted(TOPICS)


async def test_ids_rise_over_a_restart_and_the_old_ones_are_unknown(
    database_url: str, connection: asyncpg.Connection
) -> None:
    async with serving(database_url) as before, before.stream() as stream:
        old = (await stream.next()).id
    async with serving(database_url) as after, after.stream(old) as stream:
        hello = await stream.next()
        assert old is not None
        assert hello.id is not None
        assert hello.id > old
        assert await stream.topics() == sorted(TOPICS)


async def test_a_full_house_is_a_problem_that_says_when_to_come_back(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert live_updates.MOST_SEATS == 500
    monkeypatch.setattr(live_updates, "MOST_SEATS", 2)
    async with live.stream(), live.stream():
        refused = await live.client.get("/api/v1/stream")
        problem(refused, 503, "too_many_streams")
        assert refused.headers["retry-after"] == "2"

    async def all_left() -> bool:
        return live.backend.live.seats == 0

    await until(10, all_left)
    async with live.stream() as stream:
        assert (await stream.next()).name == "hello"


async def test_a_question_is_refused_and_takes_no_seat(live: Live) -> None:
    problem(await live.client.get("/api/v1/stream?topics=jobs"), 422, "invalid")
    assert live.backend.live.seats == 0


async def test_a_quiet_stream_shows_that_it_lives(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fastapi.sse._PING_INTERVAL == 15.0
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.02)
    async with live.stream() as stream:
        await stream.next()
        async with asyncio.timeout(10):
            async for line in stream.lines:
                if line.startswith(":"):
                    break


async def test_a_stop_ends_streams_at_once_also_in_their_quiet_second(
    live: Live, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_updates, "QUIET_SECONDS", LONG)
    async with live.stream() as resting, live.stream() as waiting:
        for stream in (resting, waiting):
            await stream.next()
        await notify_changed(connection, "jobs")
        assert await resting.topics() == ["jobs"]
        assert await waiting.topics() == ["jobs"]
        live.backend.live.release()
        assert await resting.rest() == await waiting.rest() == []
        async with live.stream() as late:
            assert [event.name for event in await late.rest()] == ["hello"]

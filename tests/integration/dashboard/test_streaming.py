"""What happens while a request passes: either side may be slow, or gone."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from easyflow.api.routes.jobs import LONGEST_WAIT_SECONDS
from easyflow.dashboard import passing
from easyflow.local.ports import free_port
from tests.support.api import problem
from tests.support.dashboard import dashboard, part, start
from tests.support.http_server import Asked, http_reply, http_server
from tests.support.passage import JOBS, MIB, real, standing_in
from tests.support.waiting import until


async def test_events_arrive_one_by_one_while_the_stream_goes_on(folder: Path) -> None:
    seen = asyncio.Queue[None]()

    async def events(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 200, (b"content-type", b"text/event-stream"))
        for number in range(3):
            await part(send, b"data: %d\n\n" % number, more=True)
            await seen.get()
        await part(send, b"")

    async with standing_in(folder, events) as (server, _), server.client.stream("GET", "/api/v1/stream") as reply:
        arrived = []
        async for chunk in reply.aiter_raw():
            arrived.append(chunk)
            seen.put_nowait(None)
    assert arrived == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]


async def test_the_apis_own_stream_says_hello_through_the_page(folder: Path, database_url: str) -> None:
    async with real(folder, database_url) as server, server.client.stream("GET", "/api/v1/stream") as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        async for line in reply.aiter_lines():
            if line.startswith("event:"):
                assert line == "event: hello"
                break


async def test_an_api_that_hangs_is_a_problem_later_than_any_honest_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    assert passing.SILENCE_SECONDS > LONGEST_WAIT_SECONDS + 30
    assert passing.TIMEOUT["read"] == passing.SILENCE_SECONDS
    monkeypatch.setitem(passing.TIMEOUT, "read", 0.1)
    async with standing_in(folder, hangs) as (server, _):
        reply = await server.client.get(JOBS)
    problem(reply, 504, "api_silent")
    assert reply.headers["retry-after"] == "2"


@pytest.mark.parametrize("begun", [True, False])
async def test_when_the_client_leaves_the_api_is_told_at_once(folder: Path, begun: bool) -> None:
    arrived, left = asyncio.Event(), asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await start(send, 200, (b"content-type", b"text/event-stream"))
            await part(send, b"data: hello\n\n", more=True)
        arrived.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    async with standing_in(folder, waits) as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.9", server.port)
        writer.write(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.wait_for(arrived.wait(), 10)
        if begun:
            await asyncio.wait_for(reader.readuntil(b"hello"), 10)
        assert not left.is_set()
        writer.close()
        await writer.wait_closed()
        await asyncio.wait_for(left.wait(), 10)


@pytest.mark.parametrize("begun", [b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
async def test_a_client_that_leaves_in_the_middle_of_its_body_submits_nothing(folder: Path, begun: bytes) -> None:
    ends = asyncio.Queue[str]()

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request" and message["more_body"]:
            ends.put_nowait("part")
        ends.put_nowait(message["type"])

    async with standing_in(folder, reads) as (server, _):
        _, writer = await asyncio.open_connection("127.0.0.9", server.port)
        writer.write(b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n" + begun)
        assert await asyncio.wait_for(ends.get(), 10) == "part"
        writer.close()
        await writer.wait_closed()
        assert await asyncio.wait_for(ends.get(), 10) == "http.disconnect"


async def test_a_slow_reader_slows_the_api_and_fills_no_memory(folder: Path) -> None:
    total, sent = 64 * MIB, 0

    async def floods(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await start(send)
        while sent < total:
            await part(send, b"x" * MIB, more=True)
            sent += MIB
        await part(send, b"")

    async with standing_in(folder, floods) as (server, _), server.client.stream("GET", JOBS) as reply:
        counts: list[int] = []

        async def stands_still() -> bool:
            counts.append(sent)
            return len(counts) > 20 and counts[-20] == sent

        await until(20, stands_still)
        assert sent < total / 2
        assert sum([len(chunk) async for chunk in reply.aiter_raw()]) == total


async def test_a_body_without_end_is_cut_off(folder: Path) -> None:
    taken = 0

    async def swallows(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal taken
        while (message := await receive())["type"] == "http.request":
            taken += len(message["body"])

    async with standing_in(folder, swallows, batch_bytes=3 * MIB, payload_bytes=MIB) as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.9", server.port)
        writer.write(b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(8):
            writer.write(b"%x\r\n%b\r\n" % (MIB, b" " * MIB))
        head = await asyncio.wait_for(reader.readuntil(b"}"), 10)
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        assert head.startswith(b"HTTP/1.1 413 ")
        assert b'"limit_bytes":3145728' in head
        assert taken <= 3 * MIB


async def test_an_api_that_is_away_is_a_problem_that_passes(folder: Path) -> None:
    async with dashboard(folder, free_port()) as server:
        for method in ("GET", "POST"):
            reply = await server.client.request(method, JOBS)
            problem(reply, 503, "api_unavailable")
            assert reply.headers["retry-after"] == "2"
        assert (await server.client.get("/healthz")).status_code == 200


async def test_an_api_that_hangs_up_is_a_problem(folder: Path) -> None:
    for said in (b"", b"HTTP/1.1 200 OK\r\n", b"nonsense\r\n\r\n"):
        upstream = http_server(partial(_first, said), host="127.0.0.9")
        async with upstream as api, dashboard(folder, api.port) as server:
            reply = await server.client.get(JOBS)
            problem(reply, 502, "api_broke_off")
            assert reply.headers["retry-after"] == "2"


def _first(said: bytes, asked: Asked) -> bytes:
    return said


async def test_half_an_answer_is_never_a_whole_one(folder: Path) -> None:
    half = http_reply(200, b"x" * 10)[:-5]
    async with http_server(lambda asked: half, host="127.0.0.9") as api, dashboard(folder, api.port) as server:
        with pytest.raises(httpx.TransportError):
            await server.client.get(JOBS)


async def test_an_api_that_went_away_in_the_middle_of_events_ends_the_stream(folder: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    async with (
        http_server(lambda asked: head + b"9\r\ndata: 1\n\n\r\n", host="127.0.0.9") as api,
        dashboard(folder, api.port) as server,
    ):
        assert (await server.client.get("/api/v1/stream")).text == "data: 1\n\n"


async def test_a_release_ends_streams_and_lets_other_answers_finish(folder: Path) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/api/v1/stream":
            await start(send, 200, (b"content-type", b"text/event-stream"))
            await part(send, b"data: 1\n\n", more=True)
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            begun.set()
            await go.wait()
            await start(send)
            await part(send, b"done")

    async with standing_in(folder, answers) as (server, _):
        other = asyncio.create_task(server.client.get(JOBS))
        async with server.client.stream("GET", "/api/v1/stream") as reply:
            events = reply.aiter_raw()
            assert await anext(events) == b"data: 1\n\n"
            await asyncio.wait_for(begun.wait(), 10)
            server.app.state.passage.release()
            assert await asyncio.wait_for(anext(events, None), 10) is None
        go.set()
        assert (await other).text == "done"

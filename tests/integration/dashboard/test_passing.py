"""What passes through the dashboard to the API and back, and what never does."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from tests.conftest import Connect
from tests.support.api import problem, register_tasks
from tests.support.dashboard import part, start
from tests.support.factories import TASK
from tests.support.passage import JOBS, echo, real, standing_in


async def test_jobs_are_submitted_and_read_through_the_page(folder: Path, database_url: str, connect: Connect) -> None:
    await register_tasks(await connect())
    async with real(folder, database_url) as server:
        reply = await server.client.post(JOBS, json={"task": TASK}, headers={"origin": server.origin})
        assert reply.status_code == 201, reply.text
        assert (await server.client.get(f"{JOBS}/{reply.json()['id']}")).json()["state"] == "READY"
        assert (await server.client.get(JOBS)).headers["cache-control"] == "no-store"
        unknown = await server.client.get("/api/v1/nothing")
        assert problem(unknown, 404)["request_id"] == unknown.headers["x-request-id"]
        elsewhere = {"origin": "http://127.0.0.9:3030"}
        problem(await server.client.post(JOBS, json={"task": TASK}, headers=elsewhere), 403, "forbidden")
        problem(await server.client.get(JOBS, headers=elsewhere), 403, "forbidden")


async def test_a_request_arrives_as_it_was_sent(folder: Path) -> None:
    async with standing_in(folder, echo) as (server, api):
        for method, body in (("GET", b""), ("POST", b'{"a": 1}'), ("PATCH", b"x"), ("DELETE", b""), ("POST", b"")):
            target = "/api/v1/x%2Fy%20z/%C3%BC//w;v?a=1&b=%26&c=a+b"
            reply = await server.client.request(method, target, content=body or None)
            assert reply.status_code == 207
            assert reply.json() == {"method": method, "target": target, "body": body.decode()}
        own = {"origin": server.origin, "authorization": "Bearer x", "cookie": "a=b", "idempotency-key": "k"}
        await server.client.post("/api/v1/jobs", headers={**own, "accept": "text/x"}, content=b"x")
        for name, value in {**own, "accept": "text/x", "host": f"127.0.0.9:{server.port}"}.items():
            assert api.headers(name) == [value]


async def test_a_body_without_a_length_passes_too(folder: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for each in (b"a", b"b", b"c"):
            yield each

    async with standing_in(folder, echo) as (server, _):
        assert (await server.client.post(JOBS, content=chunks())).json()["body"] == "abc"


async def test_an_answer_arrives_as_it_was_given(folder: Path) -> None:
    packed = gzip.compress(b"x" * 5000)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 201, (b"content-encoding", b"gzip"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"))
        await part(send, packed)

    async with standing_in(folder, answer) as (server, _), server.client.stream("GET", JOBS) as reply:
        assert reply.status_code == 201
        assert reply.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert len(reply.headers.get_list("date")) == 1
        assert b"".join([chunk async for chunk in reply.aiter_raw()]) == packed


async def test_what_concerns_one_connection_stays_there(folder: Path) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await start(
            send, 200, (b"connection", b"x-mine"), (b"x-mine", b"1"), (b"keep-alive", b"timeout=9"), (b"x-b", b"2")
        )
        await part(send, b"")

    async with standing_in(folder, answer) as (server, api):
        hop = {"connection": "x-private", "x-private": "1", "te": "trailers", "proxy-authorization": "x", "x-a": "2"}
        reply = await server.client.get(JOBS, headers=hop)
        assert [api.headers(name) for name in ("x-private", "te", "proxy-authorization", "x-a")] == [[], [], [], ["2"]]
        assert [reply.headers.get(name) for name in ("x-mine", "keep-alive", "x-b")] == [None, None, "2"]


async def test_one_callers_cookies_are_not_kept_for_the_next(folder: Path) -> None:
    async with standing_in(folder, echo) as (server, api):
        await server.client.get(JOBS)
        server.client.cookies.clear()
        await server.client.get(JOBS)
        assert api.headers("cookie") == []


async def test_a_redirect_is_the_callers_to_follow(folder: Path) -> None:
    async def moved(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 302, (b"location", b"http://localhost:1/"))
        await part(send, b"")

    async with standing_in(folder, moved) as (server, api):
        assert (await server.client.get(JOBS)).status_code == 302
        assert len(api.asked) == 1


async def test_the_api_is_told_the_prefix_by_the_server_alone(folder: Path) -> None:
    for prefix, told in (("", "/"), ("/easyflow", "/easyflow")):
        async with standing_in(folder, echo, dashboard_prefix=prefix) as (server, api):
            reply = await server.client.get(f"{prefix}{JOBS}?a=1", headers={"x-forwarded-prefix": "/evil"})
            assert reply.json()["target"] == f"{JOBS}?a=1"
            assert api.headers("x-forwarded-prefix") == [told]


@pytest.mark.parametrize(
    "target",
    [
        "/api",
        "/api/../metrics",
        "/api/%2e%2e/metrics",
        "/api/v1/..%2f..%2fmetrics",
        "/api/v1/..%5c..%5cmetrics",
        "/api/./v1/jobs",
        "/%61pi/v1/jobs",
        "//api/v1/jobs",
        "/API/v1/jobs",
        "/metrics",
        "/docs",
        "/openapi.json",
        "/readyz",
    ],
)
async def test_nothing_but_the_api_is_passed_on(folder: Path, target: str) -> None:
    async with standing_in(folder, echo) as (server, api):
        await server.raw(target)
        assert api.asked == []

"""What the task `http.request` sends, returns and raises."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from easyflow import Context, Fail
from easyflow.builtin.http_request import BODY_CHARS, HttpReply, HttpRequest, ServerError, outbound, send
from easyflow.domain import document
from easyflow.outbound.client import OutboundClient
from easyflow.outbound.errors import OutboundFailed
from easyflow.registry import TASKS
from easyflow.submission.catalog import local_task
from easyflow.testing import context_for
from tests.support.http_server import Asked, HttpServer, http_reply, http_server

Call = Callable[..., Any]


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    """An attempt whose executor may reach the loopback addresses of the test servers."""
    async with OutboundClient(allow_private=True) as client:
        yield _context(client)


def _context(client: OutboundClient) -> Context:
    return context_for("http.request", state={"outbound": client})


async def call(context: Context, reply: bytes, **request: Any) -> tuple[HttpReply, HttpServer]:
    """Send one request to a server that gives this reply."""

    def answer(asked: Asked) -> bytes:
        return reply

    async with http_server(answer) as server:
        return await send(context, HttpRequest(url=server.url("/path"), **request)), server


async def test_the_result_is_status_headers_and_body(context: Context) -> None:
    reply, server = await call(context, http_reply(201, b"made", x_kind="small"), method="PUT", body="täxt")
    assert (reply.status, reply.headers["x-kind"], reply.body, reply.truncated) == (201, "small", "made", False)
    assert [(asked.method, asked.path, asked.body.decode()) for asked in server.asked] == [("PUT", "/path", "täxt")]


async def test_json_is_sent_with_every_digit_it_came_with(context: Context) -> None:
    exact = {"amount": Decimal("12345678901234567890.123456789"), "text": "ö", "big": 10**30, "none": None}
    _, server = await call(context, http_reply(), method="POST", json=exact)
    assert document.parse(server.asked[0].body, max_bytes=1000) == exact
    assert server.asked[0].headers["content-type"] == "application/json"


async def test_json_null_is_a_body_and_no_json_is_none(context: Context) -> None:
    _, with_null = await call(context, http_reply(), method="POST", json=None)
    _, without = await call(context, http_reply(), method="POST")
    assert [with_null.asked[0].body, without.asked[0].body] == [b"null", b""]


async def test_the_callers_content_type_wins(context: Context) -> None:
    own = {"Content-Type": "application/problem+json"}
    _, server = await call(context, http_reply(), method="POST", json={}, headers=own)
    assert server.asked[0].headers["content-type"] == "application/problem+json"


async def test_a_clients_mistake_is_a_result_and_a_servers_is_an_error(context: Context) -> None:
    reply, _ = await call(context, http_reply(404, b"no such thing"))
    assert reply.status == 404
    with pytest.raises(ServerError, match="status 503"):
        await call(context, http_reply(503))


async def test_no_proper_reply_is_an_error_that_is_tried_again(context: Context) -> None:
    with pytest.raises(OutboundFailed):
        await call(context, b"")


async def test_what_the_outbound_rules_forbid_ends_the_job_at_once() -> None:
    async with OutboundClient() as guarded:
        with pytest.raises(Fail, match="outside the open internet") as refused:
            await call(_context(guarded), http_reply())
    assert refused.value.code == "outbound_refused"


async def test_private_addresses_stay_closed_unless_the_setting_opens_them() -> None:
    async for state in outbound():
        with pytest.raises(Fail, match="outside the open internet"):
            await call(_context(state["outbound"]), http_reply())


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("grün".encode("latin-1"), "text/plain; charset=iso-8859-1", "grün"),
        ("grün".encode(), "text/plain", "grün"),
        (b"a\x00b\xff", "application/octet-stream", "a\ufffdb\ufffd"),
        ("grün".encode(), "text/plain; charset=no-such-thing", "grün"),
        ("grün".encode(), "text/plain; charset=base64", "grün"),
    ],
)
async def test_any_body_becomes_text_that_can_be_kept(
    context: Context, body: bytes, content_type: str, text: str
) -> None:
    reply, _ = await call(context, http_reply(200, body, content_type=content_type))
    assert reply.body == text


async def test_a_long_body_is_cut_and_says_so(context: Context) -> None:
    reply, _ = await call(context, http_reply(200, b"x" * (BODY_CHARS + 1)))
    assert (len(reply.body), reply.truncated) == (BODY_CHARS, True)


@pytest.mark.parametrize(
    "payload",
    [
        {"url": "https://named.example/", "json": {}, "body": ""},
        {"url": "ftp://named.example/"},
        {"url": "https://named.example/", "method": "TRACE"},
        {"url": "https://named.example/", "timeout_seconds": 241},
        {"url": "https://named.example/", "follow": True},
    ],
)
def test_a_wrong_request_is_refused_when_it_is_submitted_and_when_it_runs(payload: dict[str, Any]) -> None:
    registered = TASKS["http.request"]
    assert local_task(registered).problems(payload, "payload")
    with pytest.raises(ValidationError):
        registered.payload.validate_json(json.dumps(payload))

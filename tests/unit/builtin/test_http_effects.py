"""What repeating a request of the task `http.request` may do, and how the ledger keeps it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from easyflow import Fail
from easyflow.builtin.http_request import FENCE, HttpReply, HttpRequest, ServerError, send
from easyflow.engine.attempt import Attempt
from easyflow.errors import EffectInDoubt
from easyflow.outbound.client import OutboundClient
from easyflow.outbound.errors import OutboundFailed
from easyflow.registry import TASKS
from tests.support.http_server import Asked, HttpServer, http_reply, http_server
from tests.support.ledger_book import MemoryBook

JOB = uuid4()
RESET = b""


class Sender:
    """One job that sends a request, over several attempts."""

    def __init__(self, client: OutboundClient) -> None:
        self.book = MemoryBook()
        self.client = client
        self.claims = 0

    async def send(self, server_url: str, **request: Any) -> HttpReply:
        """Send it in an attempt of its own."""
        self.claims += 1
        row: Any = {
            "job_id": JOB,
            "task": "http.request",
            "queue": "default",
            "lease_no": self.claims,
            "retry_count": 0,
            "claim_token": uuid4(),
            "payload": "{}",
        }
        attempt = Attempt(row, TASKS["http.request"], SimpleNamespace(outbound=self.client), self.book, 100_000)
        return await send(attempt.open_context(), HttpRequest(url=server_url, **request))


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    """A job whose executor may reach the loopback addresses of the test servers."""
    async with OutboundClient(allow_private=True) as client:
        yield Sender(client)


def answering(*replies: bytes) -> Any:
    """A server that gives these replies, one after the other, and then the last for ever."""
    left = list(replies)

    def answer(asked: Asked) -> bytes:
        return left.pop(0) if len(left) > 1 else left[0]

    return http_server(answer)


def keys(server: HttpServer) -> list[str | None]:
    return [asked.headers.get("idempotency-key") for asked in server.asked]


@pytest.mark.parametrize(
    ("request_", "effects"),
    [
        ({"method": "GET"}, None),
        ({"method": "HEAD"}, None),
        ({"method": "OPTIONS"}, None),
        ({"method": "PUT"}, "keyed"),
        ({"method": "DELETE"}, "keyed"),
        ({"method": "POST"}, "unsafe"),
        ({"method": "PATCH"}, "unsafe"),
        ({"method": "POST", "honours_keys": True}, "keyed"),
        ({"method": "PATCH", "honours_keys": True}, "keyed"),
    ],
)
async def test_the_method_and_the_receivers_word_say_what_a_repetition_does(
    sender: Sender, request_: dict[str, Any], effects: str | None
) -> None:
    async with answering(http_reply()) as server:
        await sender.send(server.url("/"), **request_)
    assert [row["effects"] for row in sender.book.rows.values()] == ([] if effects is None else [effects])


async def test_the_key_of_the_ledger_and_the_number_of_the_claim_are_sent(sender: Sender) -> None:
    async with answering(http_reply(503), http_reply()) as server:
        with pytest.raises(ServerError):
            await sender.send(server.url("/"), method="PUT")
        await sender.send(server.url("/"), method="PUT")
    kept = sender.book.rows[JOB, 1]["key"]
    assert keys(server) == [kept, kept]
    assert [asked.headers[FENCE] for asked in server.asked] == ["1", "2"]


async def test_a_key_that_the_payload_names_is_sent_in_place_of_ours(sender: Sender) -> None:
    async with answering(http_reply()) as server:
        await sender.send(server.url("/"), method="POST", headers={"Idempotency-Key": "mine"})
    assert keys(server) == ["mine"]


@pytest.mark.parametrize("wrong", [http_reply(503), RESET], ids=["503", "no reply"])
async def test_a_post_without_a_clear_answer_is_never_sent_again(sender: Sender, wrong: bytes) -> None:
    async with answering(wrong) as server:
        with pytest.raises((ServerError, OutboundFailed)):
            await sender.send(server.url("/"), method="POST")
        with pytest.raises(EffectInDoubt):
            await sender.send(server.url("/"), method="POST")
    assert (len(server.asked), sender.book.states) == (1, ["open"])


async def test_a_recorded_reply_is_given_again_without_a_request(sender: Sender) -> None:
    async with answering(http_reply(404, b"no such thing")) as server:
        first = await sender.send(server.url("/"), method="POST")
        assert await sender.send(server.url("/"), method="POST") == first
    assert (first.status, first.body, len(server.asked)) == (404, "no such thing", 1)
    assert sender.book.states == ["happened"]


async def test_a_request_that_never_left_is_closed_and_may_be_sent_again(sender: Sender) -> None:
    async with answering(http_reply()) as server:
        gone = server.url("/")
    with pytest.raises(OutboundFailed):
        await sender.send(gone, method="POST")
    assert sender.book.states == ["did_not_happen"]
    async with OutboundClient() as guarded:
        sender.client = guarded
        with pytest.raises(Fail, match="outside the open internet"):
            await sender.send(gone, method="POST")
    assert sender.book.states == ["did_not_happen"]

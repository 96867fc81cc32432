"""What the clients make of answers that a healthy API does not give: overload, a proxy's own words, a wrong address."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from easyflow.client import AsyncClient, Client, Refused, Unauthorized, Unavailable
from easyflow.errors import Invalid, Misconfigured
from easyflow.local.ports import free_port
from easyflow.settings import settings
from tests.support.either_client import Kind, either_client
from tests.support.http_server import Answer, Asked, http_reply, http_server

KEY = "a-key-of-more-than-twenty-characters"
STORED = http_reply(
    201,
    json.dumps(
        {
            **{"id": "01890a5d-ac96-774b-bcce-b302099a8057", "task": "t", "state": "READY", "queue": "default"},
            **{"priority": 0, "retry_count": 0, "last_error": None, "version": None, "tags": []},
            **{"created_at": "2026-01-01T00:00:00Z", "run_at": "2026-01-01T00:00:00Z", "started_at": None},
            **{"finished_at": None, "run_id": None, "step": None, "a_field_of_a_later_release": 1},
        }
    ).encode(),
    content_type="application/json",
    connection="close",
)


@pytest.fixture(autouse=True)
def fresh_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings are read again, without what the machine has set."""
    for name in ("EASYFLOW_API_KEY", "EASYFLOW_API_URL"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


def problem(status: int, code: str, **headers: str) -> bytes:
    """A refusal as the API writes it."""
    told = {"code": code, "status": status, "detail": f"it is {code}", "request_id": "r1", "problems": []}
    content_type = "application/problem+json"
    return http_reply(status, json.dumps(told).encode(), content_type=content_type, connection="close", **headers)


def then_stored(*first: bytes) -> Answer:
    """Give these answers in turn, and store the job from then on."""
    waiting = list(first)
    return lambda asked: waiting.pop(0) if waiting else STORED


PASSING = {
    "overloaded": problem(429, "too_many"),
    "a proxy without its API": http_reply(502, b"<h1>Bad Gateway</h1>", connection="close"),
    "a proxy that waited too long": http_reply(504, b"", connection="close"),
    "the database away": problem(503, "database_unavailable"),
    "the same key under way": problem(409, "in_flight"),
}


@pytest.mark.parametrize("case", PASSING)
async def test_what_passes_is_tried_again_with_the_same_key(kind: Kind, case: str) -> None:
    answers = then_stored(PASSING[case], PASSING[case])
    async with http_server(answers) as server, either_client(kind, server.url("")) as client:
        assert (await client("submit", "t", {})).job.state == "READY"
    assert len(server.asked) == 3
    assert len({json.loads(asked.body)["idempotency_key"] for asked in server.asked}) == 1


@pytest.mark.parametrize("form", ["seconds", "moment"])
async def test_an_api_that_asks_for_time_is_given_it(kind: Kind, form: str) -> None:
    # A moment counts in whole seconds.
    asked_for = "1" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    times: list[float] = []
    answer = then_stored(problem(503, "not_ready", retry_after=asked_for))

    def timed(asked: Asked) -> bytes:
        times.append(time.monotonic())
        said = answer(asked)
        assert isinstance(said, bytes)
        return said

    async with http_server(timed) as server, either_client(kind, server.url("")) as client:
        await client("submit", "t", {})
    assert times[1] - times[0] >= 1.0


async def test_a_wait_longer_than_the_patience_is_not_begun(kind: Kind) -> None:
    overloaded = problem(503, "not_ready", retry_after="3600")
    async with (
        http_server(lambda asked: overloaded) as server,
        either_client(kind, server.url(""), patience_seconds=60) as client,
    ):
        with pytest.raises(Unavailable, match="it is not_ready") as away:
            await client("submit", "t", {})
    assert (len(server.asked), away.value.retry_after) == (1, 3600.0)


async def test_an_address_where_nobody_listens_is_unavailable_and_nothing_was_sent(kind: Kind) -> None:
    async with either_client(kind, f"http://127.0.0.1:{free_port()}", patience_seconds=0.3) as client:
        with pytest.raises(Unavailable, match="does not answer") as away:
            await client("get_job", "x")
    assert not away.value.unsure


async def test_a_silent_api_is_given_up_in_bounded_time(kind: Kind) -> None:
    async def silent(asked: Asked) -> bytes:
        await asked.gone()
        return b""

    begun = time.monotonic()
    async with (
        http_server(silent) as server,
        either_client(kind, server.url(""), timeout_seconds=0.2, patience_seconds=0.5) as client,
    ):
        with pytest.raises(Unavailable) as away:
            await client("submit", "t", {})
    assert away.value.unsure
    assert time.monotonic() - begun < 10


REFUSED = {
    "wrong key": (problem(401, "unauthenticated"), "unauthenticated"),
    "forbidden": (problem(403, "forbidden"), "forbidden"),
    "too large": (problem(413, "too_large"), "too_large"),
    "an error of the API": (problem(500, "internal"), "internal"),
    "words of a proxy": (http_reply(404, b"<h1>Not Found</h1>", connection="close"), "http_404"),
    "a redirect": (http_reply(302, b"", location="http://localhost/", connection="close"), "http_302"),
    "a page": (http_reply(200, b"<html></html>", content_type="text/html", connection="close"), "http_200"),
    "another program's JSON": (http_reply(200, b'{"id": "x"}', connection="close"), "not_understood"),
    "an empty object": (http_reply(200, b"{}", connection="close"), "not_understood"),
    "a list": (http_reply(200, b"[1]", connection="close"), "http_200"),
    "deep JSON": (http_reply(200, b"[" * 100_000, connection="close"), "http_200"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_other_answers_are_refusals_at_once(kind: Kind, case: str) -> None:
    reply, code = REFUSED[case]
    async with http_server(lambda asked: reply) as server, either_client(kind, server.url("")) as client:
        with pytest.raises(Refused) as refused:
            await client("submit", "t", {})
    assert (refused.value.code, len(server.asked)) == (code, 1)
    assert isinstance(refused.value, Unauthorized) == (case == "wrong key")


async def test_the_key_is_sent_with_every_request_and_never_shown(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with http_server(lambda asked: STORED) as server:
        monkeypatch.setenv("EASYFLOW_API_KEY", KEY)
        monkeypatch.setenv("EASYFLOW_API_URL", server.url("").rstrip("/"))
        settings.cache_clear()
        made = AsyncClient() if kind == "asyncio" else Client()
        assert KEY not in f"{made!r} {vars(made)!r}"
        async with either_client(kind, server.url(""), api_key="another-key-that-is-given") as client:
            await client("submit", "t", {})
        async with either_client(kind, server.url("")) as client:
            await client("submit", "t", {})
    keys = [asked.headers["authorization"] for asked in server.asked]
    assert keys == ["Bearer another-key-that-is-given", f"Bearer {KEY}"]


@pytest.mark.parametrize("address", ["localhost:3030", "ftp://localhost", "http://", "http:///api", " "])
def test_an_address_that_is_none_is_refused_when_the_client_is_made(address: str) -> None:
    with pytest.raises(Misconfigured, match="must be like http://localhost:3030"):
        Client(address)


@pytest.mark.parametrize("key", ["a key with blanks in it", "schlüssel-aus-zwanzig-zeichen", "a-key-with\r\na-line"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Client("http://localhost:3030", key)
    assert key not in str(refused.value)


async def test_a_batch_key_that_no_header_can_carry_is_refused_before_anything_is_sent(kind: Kind) -> None:
    async with http_server(lambda asked: STORED) as server, either_client(kind, server.url("")) as client:
        with pytest.raises(Invalid, match="must be printable ASCII"):
            await client("submit_batch", [{"task": "t"}], idempotency_key="schlüssel")
    assert server.asked == []

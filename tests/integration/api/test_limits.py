"""What no body may be: each limit has its clear 4xx, and nothing of the body comes back."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.api import PAY, Api, places, problem, running_api
from tests.support.factories import TASK

KIB = 1024
ENVELOPE = 64 * KIB


def with_payload(payload: str) -> bytes:
    return f'{{"task": "{TASK}", "payload": {payload}}}'.encode()


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "deeper than 64 levels": (with_payload("[" * 64 + "]" * 64), 422, "invalid"),
    "20,000 levels deep": (with_payload("[" * 20_000), 422, "invalid"),
    "100,000 levels deep": (b"[" * 100_000, 422, "invalid"),
    "NUL in text": (with_payload('{"a": "x\\u0000y"}'), 400, "malformed"),
    "NUL in a key": (with_payload('{"x\\u0000y": 1}'), 400, "malformed"),
    "NUL outside of text": (with_payload('"x\0y"'), 400, "malformed"),
    "NUL in a tag": (b'{"task": "demo.echo", "tags": ["\\u0000"]}', 400, "malformed"),
    "a lone surrogate": (with_payload('"\\ud800"'), 400, "malformed"),
    "a surrogate in a key": (with_payload('{"\\udc00": 1}'), 400, "malformed"),
    "NaN": (with_payload("NaN"), 400, "malformed"),
    "Infinity": (with_payload("[-Infinity]"), 400, "malformed"),
    "1e400": (with_payload("1e400"), 422, "invalid"),
    "1e131071": (with_payload("1e131071"), 422, "invalid"),
    "1e-400": (with_payload("1e-400"), 422, "invalid"),
    "39 digits": (with_payload("1" * 39), 422, "invalid"),
    "10,000 digits": (with_payload("1" * 10_000), 422, "invalid"),
    "a huge priority": (b'{"task": "demo.echo", "priority": 1e37}', 422, "invalid"),
    "a key twice": (with_payload('{"a": 1, "a": 2}'), 400, "malformed"),
    "a field twice": (b'{"task": "demo.echo", "task": "demo.echo"}', 400, "malformed"),
    "invalid UTF-8": (with_payload('"x"').replace(b"x", b"\xff"), 400, "malformed"),
    "UTF-16": (with_payload('"x"').decode().encode("utf-16"), 400, "malformed"),
    "a byte order mark": (b"\xef\xbb\xbf" + with_payload("1"), 400, "malformed"),
    "nothing": (b"", 400, "malformed"),
    "half an object": (b'{"task": ', 400, "malformed"),
    "two objects": (with_payload("1") * 2, 400, "malformed"),
    "single quotes": (b"{'task': 'demo.echo'}", 400, "malformed"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_body_that_cannot_be_kept_exactly_is_refused(api: Api, case: str) -> None:
    body, status, code = REFUSED[case]
    problem(await api.send("/jobs", body), status, code)
    assert await api.count() == 0


@pytest.mark.parametrize("case", REFUSED)
async def test_the_same_holds_inside_a_batch(api: Api, case: str) -> None:
    body, status, _ = REFUSED[case]
    reply = await api.send("/jobs/batch", b'{"jobs": [' + body + b"]}")
    problem(reply, 422 if case == "nothing" else status)
    assert await api.count() == 0


async def test_the_place_of_what_is_refused_is_named_as_a_field(api: Api) -> None:
    assert places(problem(await api.send("/jobs", with_payload('{"a": [1, NaN]}')), 400)) == ["payload.a.1"]
    batch = b'{"jobs": [' + with_payload("1") + b"," + with_payload('{"b": "\\u0000"}') + b"]}"
    assert places(problem(await api.send("/jobs/batch", batch), 400)) == ["jobs.1.payload.b"]


async def test_64_levels_and_38_digits_are_within_the_limits(api: Api) -> None:
    payload = "[" * 63 + "9" * 38 + "]" * 63
    assert (await api.send("/jobs", with_payload(payload))).status_code == 201
    assert await api.connection.fetchval("select payload from easyflow.jobs") == payload


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"content-type": "text/plain"}, True),
        ({"content-type": "application/x-www-form-urlencoded"}, True),
        ({"content-type": "multipart/form-data; boundary=x"}, True),
        ({"content-type": "application/json-seq"}, True),
        ({"content-type": "application/x-ndjson"}, True),
        ({"content-type": "application/json; charset=latin-1"}, True),
        ({"content-type": ""}, True),
        ({}, True),
        ({"content-type": "application/json", "content-encoding": "gzip"}, True),
        ({"content-type": "application/json", "content-encoding": "br, gzip"}, True),
        ({"content-type": "application/json", "content-encoding": "identity"}, False),
        ({"content-type": "Application/JSON;charset=UTF-8"}, False),
    ],
)
async def test_a_body_must_say_that_it_is_plain_json(api: Api, headers: dict[str, str], refused: bool) -> None:
    reply = await api.client.post("/api/v1/jobs", content=with_payload("1"), headers=headers)
    if refused:
        problem(reply, 415, "unsupported_media_type")
    assert await api.count() == (0 if refused else 1)


async def test_other_bodies_must_be_json_too(api: Api) -> None:
    for path in ("/jobs/batch", "/jobs/x/cancel", "/dead-letters/x/discard"):
        path = path.replace("x", "019a0000-0000-7000-8000-000000000000")
        problem(await api.send(path, "reason=x", content_type="application/x-www-form-urlencoded"), 415)


async def test_a_payload_over_the_limit_is_refused_with_the_limit(database_url: str, api: Api) -> None:
    async with running_api(database_url, payload_bytes=KIB) as client:
        small = Api(client, api.connection)
        assert (await small.send("/jobs", with_payload(json.dumps("x" * (KIB - 2))))).status_code == 201
        for text in ("x" * (KIB - 1), "\u00e9" * (KIB // 2)):
            told = problem(await small.send("/jobs", with_payload(json.dumps(text))), 413, "too_large")
            assert (told["limit_bytes"], places(told)) == (KIB, ["payload"])
        batch = {"jobs": [{"task": TASK}, {"task": TASK, "payload": "\u20ac" * 400}]}
        told = problem(await small.post("/jobs/batch", batch), 413, "too_large")
        assert (told["limit_bytes"], places(told)) == (KIB, ["jobs.1.payload"])


async def test_a_body_over_the_limit_is_refused_with_the_limit(database_url: str, api: Api) -> None:
    async with running_api(database_url, payload_bytes=KIB, batch_bytes=4 * KIB) as client:
        small = Api(client, api.connection)
        told = problem(await small.send("/jobs", b" " * (KIB + ENVELOPE + 1)), 413, "too_large")
        assert told["limit_bytes"] == KIB + ENVELOPE
        for kind in ("application/json", "application/x-ndjson"):
            told = problem(await small.send("/jobs/batch", b" " * (4 * KIB + 1), content_type=kind), 413, "too_large")
            assert told["limit_bytes"] == 4 * KIB


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/jobs", 1024 * KIB + ENVELOPE), ("/jobs/batch", 32 * 1024 * KIB), ("/jobs/{}/cancel", ENVELOPE)],
)
async def test_an_endless_body_is_refused_at_the_limit_with_flat_memory(api: Api, path: str, limit: int) -> None:
    chunk = b" " * (256 * KIB)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += len(chunk)
            yield chunk

    tracemalloc.start()
    try:
        reply = await api.send(path.format("019a0000-0000-7000-8000-000000000000"), endless())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert problem(reply, 413, "too_large")["limit_bytes"] == limit
    assert sent <= limit + 2 * len(chunk)
    assert peak < 2 * limit + 4 * 1024 * KIB


async def test_a_body_that_says_it_is_too_long_is_not_read(api: Api) -> None:
    chunks = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal chunks
        chunks += 1
        yield b" "

    problem(await api.send("/jobs", counted(), content_length=str(10**9)), 413, "too_large")
    assert chunks == 0


async def test_no_answer_repeats_what_was_sent(api: Api) -> None:
    secret = "s3cret-canary"
    bodies: list[Any] = [
        {"task": PAY, "payload": {"card": secret}},
        {"task": PAY, "payload": {"amount": secret}},
        {"task": PAY, "payload": {"amount": 1, "card": [secret]}},
        {"task": secret + "!"},
        {"task": TASK, "priority": secret},
        {"task": TASK, "run_at": secret},
        {"task": TASK, "tags": secret},
        {"payload": secret},
    ]
    replies = [await api.post("/jobs", body) for body in bodies]
    replies.append(await api.send("/jobs", f'{{"task": "{secret}" "x"}}'))
    replies.append(await api.get(f"/jobs/{secret}"))
    replies.append(await api.get("/jobs", cursor=secret, limit=secret, created_after=secret, state=secret))
    for reply in replies:
        problem(reply, reply.status_code)
        assert secret not in reply.text

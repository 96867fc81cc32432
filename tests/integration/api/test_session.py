"""Signing in: the key against a cookie, and what the cookie is worth."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs

from easyflow.access.keys import ApiKey
from easyflow.access.sessions import LIFETIME_SECONDS, issue
from tests.support.access import KEY, OWN_PAGE, WRONG, bearer, session_of, with_session
from tests.support.api import problem, running_api

SESSION = "/api/v1/session"
JOBS = "/api/v1/jobs"


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API that asks for its key; it keeps no cookies of its own."""
    async with running_api(database_url, api_key=KEY) as client:
        yield client


async def sign_in(client: httpx.AsyncClient, key: str = KEY, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = await client.post(SESSION, json={"key": key}, headers=named)
    client.cookies.clear()
    return reply


def holding(token: str) -> dict[str, str]:
    return {"cookie": f"easyflow_session={token}"}


async def test_the_right_key_begins_a_session_that_opens_the_api(client: httpx.AsyncClient) -> None:
    reply = await sign_in(client, **OWN_PAGE)
    assert (reply.status_code, reply.json()) == (200, {"required": True, "signed_in": True})
    kept = session_of(reply)
    assert kept == {
        "value": kept["value"],
        "path": "/",
        "max-age": str(LIFETIME_SECONDS),
        "httponly": "",
        "samesite": "Strict",
    }
    assert (await client.get(JOBS, headers=holding(kept["value"]))).status_code == 200
    assert KEY not in kept["value"]
    assert session_of(await sign_in(client))["value"] != kept["value"]


async def test_whoever_asks_is_told_whether_it_is_in(client: httpx.AsyncClient) -> None:
    for headers, signed_in in (({}, False), (with_session(), True), (with_session(WRONG), False), (bearer(), True)):
        reply = await client.get(SESSION, headers=headers)
        assert (reply.status_code, reply.json()) == (200, {"required": True, "signed_in": signed_in})


async def test_without_a_key_everybody_is_in(database_url: str) -> None:
    async with running_api(database_url) as client:
        for reply in (await client.get(SESSION), await sign_in(client, "anything"), await client.delete(SESSION)):
            assert (reply.status_code, reply.json()) == (200, {"required": False, "signed_in": True})
        assert "set-cookie" not in (await sign_in(client, "anything")).headers


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ({"origin": "https://localhost:3030"}, True),
        ({"origin": "http://localhost:3030"}, False),
        ({}, False),
        ({"x-forwarded-proto": "https"}, False),
        ({"origin": "http://localhost:3030", "x-forwarded-proto": "https", "forwarded": "proto=https"}, False),
        ({"origin": "https://localhost:3030", "x-forwarded-proto": "http"}, True),
    ],
)
async def test_the_browser_itself_says_whether_the_page_is_secure(
    client: httpx.AsyncClient, headers: dict[str, str], secure: bool
) -> None:
    assert ("secure" in session_of(await sign_in(client, **headers))) == secure


@pytest.mark.parametrize(
    ("prefix", "path"),
    [
        ("/easyflow", "/easyflow"),
        ("/a/b-c.d", "/a/b-c.d"),
        ("", "/"),
        ("/", "/"),
        ("/x; Domain=example.org", "/"),
        ("/x, other=1", "/"),
        ("x", "/"),
        ("//", "/"),
    ],
)
async def test_the_cookie_lives_where_the_dashboard_does(client: httpx.AsyncClient, prefix: str, path: str) -> None:
    begun, ended = (
        await sign_in(client, x_forwarded_prefix=prefix),
        await client.delete(SESSION, headers={"x-forwarded-prefix": prefix}),
    )
    for reply in (begun, ended):
        kept = session_of(reply)
        assert (kept["path"], "domain" in kept) == (path, False)


async def test_signing_out_lets_the_browser_forget(client: httpx.AsyncClient) -> None:
    reply = await client.delete(SESSION, headers={**with_session(), **OWN_PAGE})
    assert (reply.status_code, reply.json()) == (200, {"required": True, "signed_in": False})
    assert {name: session_of(reply)[name] for name in ("value", "max-age", "path")} == {
        "value": "",
        "max-age": "0",
        "path": "/",
    }


async def test_a_session_ends_after_twelve_hours(client: httpx.AsyncClient) -> None:
    for age, status in ((LIFETIME_SECONDS - 60, 200), (LIFETIME_SECONDS + 1, 401)):
        reply = await client.get(JOBS, headers=with_session(now=time.time() - age))
        assert (age, reply.status_code) == (age, status)


async def test_every_process_with_the_key_knows_a_session_and_none_with_another(database_url: str) -> None:
    async with running_api(database_url, api_key=KEY) as first, running_api(database_url, api_key=KEY) as second:
        token = session_of(await sign_in(first))["value"]
        assert (await second.get(JOBS, headers=holding(token))).status_code == 200
    async with running_api(database_url, api_key=WRONG) as changed:
        problem(await changed.get(JOBS, headers=holding(token)), 401, "unauthenticated")


async def test_a_token_with_anything_changed_is_worth_nothing(client: httpx.AsyncClient) -> None:
    token = issue(ApiKey(KEY))
    name, until, proof = token.split(".")
    flipped = {"A": "B"}
    changed = [
        f"{name}.{int(until) + 1}.{proof}",
        f"{flipped.get(name[0], 'A')}{name[1:]}.{until}.{proof}",
        f"{name}.{until}.{flipped.get(proof[0], 'A')}{proof[1:]}",
        f"{name}.{until}.",
        f"{name}.{until}",
        f"{token}x",
        f'"{token}"',
        "..",
        "x" * 10_000,
        "",
    ]
    for each in changed:
        assert (each, (await client.get(JOBS, headers=holding(each))).status_code) == (each, 401)
    assert (await client.get(JOBS, headers=holding(token))).status_code == 200


async def test_a_neighbours_cookie_of_the_same_name_does_not_sign_one_out(client: httpx.AsyncClient) -> None:
    said = f"theme=dark; easyflow_session=other; easyflow_session={issue(ApiKey(KEY))}; x"
    assert (await client.get(JOBS, headers={"cookie": said})).status_code == 200


async def test_a_wrong_key_is_refused_and_written_nowhere(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        reply = await sign_in(client, WRONG)
    told = problem(reply, 401, "unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert "set-cookie" not in reply.headers
    assert [(line["event"], line["request_id"]) for line in lines] == [("session.refused", told["request_id"])]
    assert WRONG not in f"{lines} {reply.text}"


@pytest.mark.parametrize("body", [{}, {"key": 1}, {"key": None}, {"key": KEY, "more": 1}, {"key": "x" * 4097}, []])
async def test_what_is_no_sign_in_is_a_problem(client: httpx.AsyncClient, body: object) -> None:
    told = problem(await client.post(SESSION, json=body), 422, "invalid")
    assert KEY not in str(told)


async def test_another_sites_page_signs_nobody_in_or_out(client: httpx.AsyncClient) -> None:
    for headers in ({"origin": "http://localhost:3000"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        problem(await sign_in(client, **headers), 403, "forbidden")
        problem(await client.delete(SESSION, headers=headers), 403, "forbidden")


async def test_after_ten_wrong_keys_everybody_waits_but_those_who_have_the_key(client: httpx.AsyncClient) -> None:
    for _ in range(10):
        problem(await sign_in(client, WRONG), 401)
    for key in (WRONG, KEY):
        reply = await sign_in(client, key)
        problem(reply, 429, "too_many_sign_ins")
        assert 50 < int(reply.headers["retry-after"]) <= 60
    assert (await client.get(JOBS, headers=bearer())).status_code == 200
    assert (await client.get(JOBS, headers=with_session())).status_code == 200

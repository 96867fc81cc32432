"""With an API key: nobody without it, everybody with it, under any name."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import ValidationError

from easyflow.api.app import create_app
from easyflow.errors import Misconfigured
from easyflow.settings import Settings, settings
from tests.conftest import Connect
from tests.support.access import KEY, OWN_PAGE, WRONG, bearer, with_session
from tests.support.api import Api, problem, register_tasks, running_api
from tests.support.factories import TASK

OPEN = {"/healthz", "/readyz", "/api/v1/session"}
DAY = 24 * 3600


@pytest.fixture
async def keyed(database_url: str, connect: Connect) -> AsyncIterator[Api]:
    """The API in development mode, which serves its documents too, with a key."""
    connection = await connect()
    await register_tasks(connection)
    async with running_api(database_url, api_key=KEY, mode="development") as client:
        yield Api(client, connection)


def addresses(app: FastAPI) -> set[tuple[str, str]]:
    """Every method and path that the application answers, documents among them."""
    found: set[tuple[str, str]] = set()
    for path, operations in app.openapi()["paths"].items():
        found |= {
            (method.upper(), re.sub(r"{.*?}", "00000000-0000-7000-8000-000000000000", path)) for method in operations
        }
    found |= {("GET", route.path) for route in app.routes if isinstance(route, APIRoute) and "{" not in route.path}
    return found | {("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/metrics")}


async def test_nothing_but_health_and_signing_in_is_open_to_strangers(keyed: Api) -> None:
    asked = addresses(keyed.app)
    assert len(asked) > 20
    for method, path in sorted(asked):
        reply = await keyed.client.request(method, path)
        if path in OPEN:
            assert (path, reply.status_code) != (path, 401)
        else:
            problem(reply, 401, "unauthenticated")
            assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "//healthz", "/healthz/", "/%2e%2e/healthz/../api/v1/jobs", "/api/v1/session/x", "/HEALTHZ"],
)
async def test_odd_paths_are_closed_too(keyed: Api, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE", "TRACE"):
        assert (await keyed.client.request(method, path)).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (bearer(), 200),
        ({"authorization": f"bearer {KEY}"}, 200),
        ({"authorization": f"Bearer  {KEY}"}, 200),
        (bearer(WRONG), 401),
        (bearer(KEY[:-1]), 401),
        (bearer(KEY.upper()), 401),
        (bearer(""), 401),
        ({"authorization": f"Basic {KEY}"}, 401),
        ({"authorization": KEY}, 401),
        (with_session(), 200),
        (with_session(WRONG), 401),
        ({"cookie": f"easyflow_session={KEY}"}, 401),
        ({**with_session(), **bearer(WRONG)}, 401),
        ({**with_session(WRONG), **bearer()}, 200),
    ],
)
async def test_a_reader_shows_the_key_or_a_session(keyed: Api, headers: dict[str, str], status: int) -> None:
    assert (await keyed.client.get("/api/v1/jobs", headers=headers)).status_code == status


async def test_two_credentials_are_none(keyed: Api) -> None:
    named = [(b"authorization", f"Bearer {key}".encode()) for key in (KEY, WRONG)]
    problem(await keyed.client.get("/api/v1/jobs", headers=named), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (OWN_PAGE, 401),
        (bearer(), 201),
        ({**bearer(), **OWN_PAGE}, 201),
        ({**bearer(), "origin": "http://example.org"}, 403),
        ({**bearer(), "sec-fetch-site": "cross-site"}, 403),
        ({**with_session(), **OWN_PAGE}, 201),
        ({**with_session(), "origin": "http://localhost:3030"}, 201),
        ({**with_session(), "sec-fetch-site": "same-origin"}, 201),
        (with_session(), 403),
        ({**with_session(), "sec-fetch-site": "none"}, 403),
        ({**with_session(), "sec-fetch-site": "same-site"}, 403),
        ({**with_session(), "origin": "http://localhost:3000"}, 403),
        ({**with_session(), "origin": "null"}, 403),
        ({**with_session(WRONG), **OWN_PAGE}, 401),
    ],
)
async def test_an_act_with_a_session_must_come_from_our_own_page(
    keyed: Api, headers: dict[str, str], status: int
) -> None:
    reply = await keyed.client.post("/api/v1/jobs", json={"task": TASK}, headers=headers)
    assert reply.status_code == status, reply.text
    assert await keyed.count() == (1 if status == 201 else 0)


async def test_key_and_session_are_told_apart_in_the_books(keyed: Api) -> None:
    for headers, name in ((bearer(), "a"), ({**with_session(), **OWN_PAGE}, "b"), ({**bearer(), **OWN_PAGE}, "c")):
        reply = await keyed.client.patch(f"/api/v1/queues/{name}", json={"paused": True}, headers=headers)
        assert reply.status_code == 200, reply.text
    rows = await keyed.connection.fetch("select object_id, actor from easyflow.audit order by id")
    assert [tuple(row) for row in rows] == [("a", "api"), ("b", "dashboard"), ("c", "api")]


@pytest.mark.parametrize(
    ("host", "unlimited", "limited"),
    [
        ("flows.example.org", 200, 200),
        ("FLOWS.example.org:8443", 200, 200),
        ("localhost:3030", 200, 200),
        ("[::1]:3030", 200, 200),
        ("other.example.org", 200, 403),
        ("x.flows.example.org", 200, 403),
        ("10.0.0.1", 200, 403),
        ("a b", 403, 403),
        ("example.org/x", 403, 403),
        ("user@example.org", 403, 403),
        ("", 403, 403),
    ],
)
async def test_with_a_key_any_name_leads_here_unless_names_are_listed(
    database_url: str, host: str, unlimited: int, limited: int
) -> None:
    for allowed, status in (("", unlimited), (" flows.example.org , api ", limited)):
        async with running_api(database_url, api_key=KEY, allowed_hosts=allowed) as client:
            for path in ("/healthz", "/api/v1/jobs"):
                reply = await client.get(path, headers={**bearer(), "host": host})
                assert (path, reply.status_code) == (path, status)


async def test_with_a_key_a_connection_may_end_anywhere(keyed: Api) -> None:
    transport = httpx.ASGITransport(keyed.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.1:3030") as client:
        assert (await client.get("/api/v1/jobs", headers=bearer())).status_code == 200


async def test_listed_names_open_nothing_without_a_key(database_url: str) -> None:
    async with running_api(database_url, allowed_hosts="flows.example.org") as client:
        problem(await client.get("/healthz", headers={"host": "flows.example.org"}), 403, "forbidden")


@pytest.mark.parametrize("hosts", ["https://flows.example.org", "flows.example.org:8443", "a, b/c", "*.example.org"])
def test_a_listed_name_that_is_none_is_refused(hosts: str) -> None:
    with pytest.raises(ValidationError, match="without scheme and port"):
        Settings(allowed_hosts=hosts)


async def test_a_preflight_gets_no_leave(keyed: Api) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for origin in ("http://localhost:3000", "http://example.org", "null"):
        reply = await keyed.client.options("/api/v1/jobs", headers={"origin": origin, **asked})
        problem(reply, 403, "forbidden")
        assert not [name for name in reply.headers if name.startswith("access-control")]


async def test_no_answer_says_the_key(keyed: Api) -> None:
    for headers in ({}, bearer(WRONG), with_session()):
        for path in ("/api/v1/jobs", "/api/v1/session", "/openapi.json"):
            reply = await keyed.client.get(path, headers=headers)
            assert KEY not in f"{reply.text} {reply.headers}"


@pytest.mark.parametrize(
    "key", ["", "short", "k" * 19, f" {'k' * 20}", f"{'k' * 20} ", f"{'k' * 10} {'k' * 10}", "k" * 20 + "\n", "ü" * 20]
)
def test_a_weak_key_is_refused_and_not_repeated(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings(api_key=key)  # type: ignore[arg-type]
    monkeypatch.setenv("EASYFLOW_API_KEY", key)
    settings.cache_clear()
    try:
        with pytest.raises(Misconfigured, match=r"EASYFLOW_API_KEY: .*at least 20 visible") as refused:
            settings()
    finally:
        settings.cache_clear()
    if len(key) > 1:
        assert key not in f"{wrong.value} {refused.value}"


def test_a_key_is_in_no_description_of_the_settings() -> None:
    known: Any = Settings(api_key=KEY, database_url="postgresql://unused")  # type: ignore[arg-type]
    assert known.api_key.get_secret_value() == KEY
    shown = [repr(known), str(known), known.model_dump_json(), repr(create_app(known).state.key)]
    assert not [text for text in shown if KEY in text]

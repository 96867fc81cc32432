"""Who is answered, and that every answer has an id and no more words than it needs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from asyncpg import SyntaxOrAccessError
from fastapi import FastAPI, Request
from structlog.testing import capture_logs

from easyflow.access.policy import Policy
from easyflow.api import problems
from easyflow.api.app import create_app
from easyflow.errors import Misconfigured, StorageUnavailable
from easyflow.serving.guard import Guard
from easyflow.settings import Settings
from tests.support.api import Api, problem, running_api
from tests.support.factories import TASK

HERE = [
    "localhost",
    "LOCALHOST:80",
    "localhost:3030",
    "127.0.0.1",
    "127.0.0.1:65535",
    "127.9.9.9",
    "[::1]",
    "[::1]:3030",
]
READ = "/api/v1/jobs"
ELSEWHERE = [
    "",
    "example.org",
    "example.org:3030",
    "localhost.example.org",
    "localhost@example.org",
    "localhost:3030@example.org",
    "localhost:",
    "localhost:x",
    "localhost/x",
    "xlocalhost",
    "127.0.0.1.example.org",
    "10.0.0.1",
    "0.0.0.0",  # noqa: S104 - it is asked for, not listened on
    "[::]",
    "[::2]",
    "::1",
    "[::1",
    "[::ffff:10.0.0.1]",
    "2130706433",
    "0x7f000001",
    "caf\u00e9",
]


async def ask(api: Api, method: str = "GET", path: str = "/healthz", **headers: str) -> httpx.Response:
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return await api.client.request(method, path, headers=named)


@pytest.mark.parametrize("host", HERE)
async def test_this_machine_is_answered(api: Api, host: str) -> None:
    assert (await ask(api, host=host)).status_code == 200


@pytest.mark.parametrize("host", ELSEWHERE)
async def test_other_names_are_refused_whatever_they_ask(api: Api, host: str) -> None:
    for method, path in (("GET", "/healthz"), ("GET", "/api/v1/jobs"), ("POST", "/api/v1/jobs"), ("GET", "/nothing")):
        problem(await ask(api, method, path, host=host), 403, "forbidden")


async def test_a_request_with_two_hosts_or_none_is_refused(api: Api) -> None:
    for hosts in ([], [(b"host", b"localhost")] * 2):
        scope = {"type": "http", "method": "GET", "path": "/healthz", "headers": hosts, "server": ("127.0.0.1", 80)}
        assert await status_of(api, scope) == 403


@pytest.mark.parametrize(("server", "status"), [(("127.0.0.1", 80), 200), (("::1", 80), 200), (("10.0.0.1", 80), 403)])
async def test_a_connection_that_ends_elsewhere_is_refused_whatever_it_says(
    api: Api, server: tuple[str, int], status: int
) -> None:
    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "GET", "path": "/healthz", "headers": headers, "server": server}
    assert await status_of(api, scope) == status


async def status_of(api: Api, scope: dict[str, Any]) -> int:
    """The status the bare application answers a scope with."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await api.app({**scope, "query_string": b"", "scheme": "http", "http_version": "1.1"}, receive, send)
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": "http://localhost:3030"}, True),
        ({"origin": "https://localhost:3030"}, True),
        ({"origin": "http://localhost:3030", "sec_fetch_site": "same-origin"}, True),
        ({"origin": "http://localhost:3030", "sec_fetch_site": "cross-site"}, False),
        ({"origin": "http://localhost:3030", "sec_fetch_site": "same-site"}, False),
        ({"origin": "http://localhost:3000"}, False),
        ({"origin": "http://localhost"}, False),
        ({"origin": "http://127.0.0.1:3030"}, False),
        ({"origin": "https://[::1]:3030"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "http://example.org"}, False),
        ({"origin": "http://localhost.example.org:3030"}, False),
        ({"origin": "http://localhost:3030@example.org"}, False),
        ({"origin": "http://example.org@localhost:3030"}, False),
        ({"origin": "http://localhost:3030/"}, False),
        ({"origin": "file://localhost:3030"}, False),
        ({"origin": "localhost:3030"}, False),
        ({"origin": "http://[::1"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "anything"}, False),
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "none"}, True),
    ],
)
async def test_a_page_reads_and_changes_only_where_it_came_from(
    api: Api, headers: dict[str, str], allowed: bool
) -> None:
    replies = [await ask(api, method, path, **headers) for method in ("GET", "HEAD") for path in ("/healthz", READ)]
    replies += [await ask(api, "OPTIONS", READ, **headers), await api.post("/jobs", {"task": TASK}, **headers)]
    assert [reply.status_code != 403 for reply in replies] == [allowed] * len(replies)
    assert await api.count() == (1 if allowed else 0)
    assert not [name for reply in replies for name in reply.headers if name.startswith("access-control")]


async def test_two_origins_are_never_the_right_one(api: Api) -> None:
    named = [(b"origin", b"http://localhost:3030"), (b"origin", b"http://example.org")]
    problem(await api.client.get(READ, headers=named), 403, "forbidden")


async def test_an_origin_without_a_port_is_at_its_schemes_own(api: Api) -> None:
    for host, origin, status in [
        ("localhost", "http://localhost", 200),
        ("localhost:80", "http://localhost", 200),
        ("localhost", "http://localhost:80", 200),
        ("localhost", "https://localhost", 200),
        ("localhost:443", "https://localhost", 200),
        ("localhost:443", "http://localhost", 403),
        ("localhost", "https://localhost:80", 403),
        ("localhost", "http://localhost:3000", 403),
    ]:
        assert (host, origin, (await ask(api, host=host, origin=origin)).status_code) == (host, origin, status)


NAVIGATED = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


@pytest.mark.parametrize(
    ("path", "changed", "followed"),
    [
        ("/docs", {}, True),
        ("/openapi.json", {}, True),
        ("/docs", {"sec_fetch_dest": "iframe"}, False),
        ("/openapi.json", {"sec_fetch_mode": "cors"}, False),
        ("/openapi.json", {"origin": "http://example.org"}, False),
        ("/api/v1/jobs", {}, False),
        ("/healthz", {}, False),
    ],
)
async def test_a_link_on_another_site_leads_to_the_documents_only(
    database_url: str, path: str, changed: dict[str, str], followed: bool
) -> None:
    headers = {name.replace("_", "-"): value for name, value in {**NAVIGATED, **changed}.items()}
    async with running_api(database_url, mode="development") as client:
        assert (await client.get(path, headers=headers)).status_code == (200 if followed else 403)


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_what_a_plain_form_could_send_is_no_json(api: Api, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    for path, content in (("/api/v1/jobs", f'{{"task": "{TASK}"}}'), ("/api/v1/session", '{"key": "x"}')):
        reply = await api.client.post(path, content=content.encode(), headers=headers)
        problem(reply, 415, "unsupported_media_type")
    assert await api.count() == 0


async def test_who_acts_is_written_down(api: Api) -> None:
    for page, name in (({}, "a"), ({"origin": "http://localhost:3030"}, "b")):
        reply = await api.client.patch(f"/api/v1/queues/{name}", json={"paused": True}, headers=page)
        assert reply.status_code == 200, reply.text
    rows = await api.connection.fetch("select object_id, actor from easyflow.audit order by id")
    assert [tuple(row) for row in rows] == [("a", "api"), ("b", "dashboard")]


async def test_every_answer_has_an_id_of_its_own(api: Api) -> None:
    replies = [await ask(api), await ask(api), await ask(api, path="/nothing"), await api.get("/jobs")]
    assert len({reply.headers["x-request-id"] for reply in replies}) == 4
    assert {reply.headers["x-content-type-options"] for reply in replies} == {"nosniff"}
    assert {reply.headers["cache-control"] for reply in replies} == {"no-store"}


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/v1", "/api/v1/jobs/", "//api/v1/jobs", "/api/v2/jobs"])
async def test_an_address_without_anything_is_a_problem(api: Api, path: str) -> None:
    problem(await ask(api, path=path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/jobs", "GET, POST"),
        ("GET", "/api/v1/jobs/batch/x", None),
        ("PUT", "/api/v1/jobs/x", "GET"),
        ("GET", "/api/v1/dead-letters/x/replay", "POST"),
        ("OPTIONS", "/api/v1/queues/x", "PATCH"),
        ("TRACE", "/readyz", "GET"),
    ],
)
async def test_a_method_an_address_does_not_take_is_a_problem(
    api: Api, method: str, path: str, allowed: str | None
) -> None:
    reply = await ask(api, method, path)
    problem(reply, 405 if allowed else 404)
    assert reply.headers.get("allow") == allowed


async def test_documents_are_served_in_development_only(api: Api) -> None:
    for path in ("/docs", "/openapi.json", "/redoc"):
        problem(await ask(api, path=path), 404)
    develops = httpx.ASGITransport(create_app(Settings(database_url="postgresql://unused", mode="development")))
    async with httpx.AsyncClient(transport=develops, base_url="http://localhost") as client:
        assert (await client.get("/docs")).status_code == 200
        document = (await client.get("/openapi.json")).json()
    assert {"/api/v1/jobs", "/api/v1/dead-letters/{job_id}/replay", "/healthz"} <= set(document["paths"])


def test_an_application_without_a_database_does_not_start() -> None:
    with pytest.raises(Misconfigured, match="EASYFLOW_DATABASE_URL"):
        create_app(Settings(database_url=None, database_direct_url=None))


SECRETS = ["hunter2", "select secret", "Traceback", "postgresql://", __file__]


def failing_app(error: Exception) -> FastAPI:
    app = FastAPI()
    everything = frozenset({"/fails"}).__contains__
    app.add_middleware(Guard, policy=Policy(None, frozenset(), everything, everything), headers=())
    problems.install(app)

    @app.get("/fails")
    async def fails(request: Request) -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RuntimeError("hunter2"), 500, "internal"),
        (SyntaxOrAccessError("select secret"), 500, "internal"),
        (Misconfigured("postgresql://ann:hunter2@db"), 500, "internal"),
        (StorageUnavailable(), 503, "database_unavailable"),
    ],
)
async def test_an_error_of_ours_tells_nothing_and_leaves_one_line(error: Exception, status: int, code: str) -> None:
    transport = httpx.ASGITransport(failing_app(error))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        with capture_logs() as lines:
            reply = await client.get("/fails")
    told = problem(reply, status, code)
    assert not [secret for secret in SECRETS if secret in reply.text]
    [line] = lines
    assert (line["event"], line["request_id"], line["status"]) == ("request.failed", told["request_id"], status)
    assert (line["error"], line["route"], line["method"]) == (type(error).__name__, "/fails", "GET")
    assert "fails" in line["where"]
    assert "hunter2" not in str(line)
    assert ("retry-after" in reply.headers) == (status == 503)

"""Who reaches the API through the dashboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.access import KEY, WRONG, bearer, session_of, with_session
from tests.support.api import problem
from tests.support.passage import JOBS, echo, real, standing_in


async def test_a_key_of_the_dashboard_protects_an_api_that_has_none(folder: Path) -> None:
    async with standing_in(folder, echo, api_key=KEY) as (server, api):
        own = {"origin": server.origin}
        for path in (JOBS, "/api/", "/api/v1/session/x", "/api/v2"):
            for headers in ({}, own, bearer(WRONG), with_session(WRONG)):
                problem(await server.client.get(path, headers=headers), 401, "unauthenticated")
        problem(await server.client.post(JOBS, headers=with_session()), 403, "forbidden")
        assert api.asked == []
        assert (await server.client.get(JOBS, headers=bearer())).status_code == 207
        assert (await server.client.post(JOBS, headers={**with_session(), **own})).status_code == 207
        assert (await server.client.get("/api/v1/session")).status_code == 207
        assert (await server.client.get("/jobs")).status_code == 200


async def test_pages_of_other_places_reach_nothing(folder: Path) -> None:
    async with standing_in(folder, echo) as (server, api):
        for headers in (
            {"origin": "http://127.0.0.9:3030"},
            {"origin": "http://localhost:3000"},
            {"origin": "null"},
            {"origin": "http://example.org"},
            {"sec-fetch-site": "same-site"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            {"host": "example.org"},
        ):
            for method in ("GET", "POST", "OPTIONS", "DELETE"):
                reply = await server.client.request(method, JOBS, headers=headers)
                problem(reply, 403, "forbidden")
                assert not [name for name in reply.headers if name.startswith("access-control")]
        assert api.asked == []


@pytest.mark.parametrize("prefix", ["", "/easyflow"])
async def test_signing_in_through_the_page_opens_the_api_behind_it(
    folder: Path, database_url: str, prefix: str
) -> None:
    async with real(folder, database_url, prefix, api_key=KEY) as server:
        own = {"origin": server.origin}
        session = f"{prefix}/api/v1/session"
        assert (await server.client.get(session)).json() == {"required": True, "signed_in": False}
        problem(await server.client.post(session, json={"key": WRONG}, headers=own), 401, "unauthenticated")
        reply = await server.client.post(session, json={"key": KEY}, headers=own)
        assert session_of(reply)["path"] == (prefix or "/")
        # From here on the client's own jar decides whether the cookie's path fits, as a browser's would.
        assert (await server.client.get(session)).json() == {"required": True, "signed_in": True}
        changed = await server.client.patch(f"{prefix}/api/v1/queues/a", json={"paused": True}, headers=own)
        assert changed.status_code == 200, changed.text
        problem(await server.client.patch(f"{prefix}/api/v1/queues/a", json={"paused": False}), 403, "forbidden")
        await server.client.delete(session, headers=own)
        problem(await server.client.get(f"{prefix}{JOBS}"), 401, "unauthenticated")

"""Life and readiness, and what happens while the database is away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from easyflow.api import schemas
from easyflow.storage.migrations import wanted_revision
from tests.support.api import Api, places, problem, register_tasks, running_api, shaped
from tests.support.factories import TASK
from tests.support.postgres import make_template, running_server, scratch_folder

NOWHERE = "postgresql://nobody:hunter2@127.0.0.1:1/nothing"


async def test_a_migrated_database_that_answers_is_ready(api: Api) -> None:
    assert shaped(await api.client.get("/healthz"), schemas.Health) == schemas.Health(status="ok")
    ready = shaped(await api.client.get("/readyz"), schemas.Health)
    assert (ready.status, ready.revision) == ("ready", wanted_revision())


async def test_a_database_at_another_revision_is_not_ready(api: Api) -> None:
    await api.connection.execute("update easyflow.alembic_version set version_num = 'later'")
    told = problem(await api.client.get("/readyz"), 503, "not_ready")
    assert "later" in told["detail"]
    assert wanted_revision() in told["detail"]


async def test_a_database_that_was_never_migrated_is_not_ready_and_requests_say_so(api: Api) -> None:
    await api.connection.execute("drop schema easyflow cascade")
    assert "easyflow migrate" in problem(await api.client.get("/readyz"), 503, "not_ready")["detail"]
    for reply in (await api.get("/jobs"), await api.post("/jobs", {"task": TASK}), await api.get("/queues")):
        assert "easyflow migrate" in problem(reply, 503, "database_unavailable")["detail"]


async def test_the_api_starts_while_the_database_is_away() -> None:
    async with running_api(NOWHERE) as client:
        assert (await client.get("/healthz")).status_code == 200
        for reply in (await client.get("/readyz"), await client.get("/api/v1/jobs")):
            problem(reply, 503)
            assert int(reply.headers["retry-after"]) > 0
            assert "hunter2" not in reply.text
            assert "127.0.0.1" not in reply.text


async def test_what_needs_no_database_is_refused_without_it() -> None:
    async with running_api(NOWHERE) as client:
        told = problem(await client.post("/api/v1/jobs", json={"task": 1}), 422)
        assert places(told) == ["task"]


async def test_a_database_that_goes_away_answers_503_until_it_is_back(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder, running_server(folder) as server:
        await make_template(server)
        async with running_api(server.url("easyflow_template")) as client:
            await answers(client, 422)
            server.kill()
            replies = await asyncio.gather(*(submit(client) for _ in range(20)), client.get("/readyz"))
            for reply in replies:
                problem(reply, 503)
                assert int(reply.headers["retry-after"]) > 0
            server.restart_if_dead()
            await answers(client, 422)
            assert (await client.get("/readyz")).status_code == 200
            assert (await client.get("/api/v1/jobs")).json()["items"] == []


async def submit(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/api/v1/jobs", json={"task": TASK})


async def answers(client: httpx.AsyncClient, status: int) -> None:
    """Wait until a submit is answered with this status: the unknown task is told from a database away."""
    async with asyncio.timeout(20):
        while (await submit(client)).status_code != status:  # noqa: ASYNC110 - a database says nothing when it is back
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("path", ["/jobs", "/queues", "/tasks", "/workers", "/dead-letters"])
async def test_a_statement_that_takes_too_long_is_given_up(
    api: Api, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyflow.storage.lists.LIST_SECONDS", 0.05)
    tables = "easyflow.jobs, easyflow.queues, easyflow.tasks, easyflow.workers, easyflow.dead_letters"
    async with api.connection.transaction():
        await api.connection.execute(f"lock table {tables} in access exclusive mode")
        reply = await api.get(path)
    problem(reply, 503, "database_unavailable")
    assert "longer than" in reply.text
    monkeypatch.undo()
    assert (await api.get(path)).status_code == 200


async def test_a_count_that_takes_too_long_says_at_least(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await register_tasks(api.connection)
    for _ in range(3):
        await api.submit()
    monkeypatch.setattr("easyflow.storage.composing.COUNT_SECONDS", 0.001)
    monkeypatch.setattr("easyflow.storage.composing.COUNTED_AT_MOST", 10_000_000)
    await api.connection.execute(
        "insert into easyflow.ready (job_id, ready_at, priority, lane, queue, task)"
        " select gen_random_uuid(), now(), 0, 1, 'default', 'demo.echo' from generate_series(1, 20000)"
    )
    page = (await api.get("/jobs", state="READY", limit=2)).json()
    assert page["total"] == {"value": len(page["items"]), "kind": "capped"}

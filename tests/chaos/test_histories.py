"""Three histories of a real site under faults: nothing is found while all is right, and what is planted is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.api import running_api
from tests.support.checker import Histories, check, count
from tests.support.client_history import ClientHistory, read_client_history
from tests.support.database_history import read_database_history
from tests.support.effects import RecorderProcess, running_recorder
from tests.support.faults import faults
from tests.support.lab_tasks import RECORDER
from tests.support.proxy import Proxy, running_proxy
from tests.support.site import Site, open_site
from tests.support.worker import Worker, running_worker


@dataclass
class Laboratory:
    """A site with an API whose line to the database may break, a recorder, and a client that writes everything down."""

    site: Site
    proxy: Proxy
    api: httpx.AsyncClient
    recorder: RecorderProcess
    client: ClientHistory
    file: Path

    async def submit(self, task: str, **payload: float) -> str:
        """Submit one job as a client that asks again, with the same key, until it has an answer; its id."""
        key = uuid4().hex
        body = {"task": task, "payload": payload, "tags": [f"submit:{key}"]}
        while True:
            with self.client.asking("submit", key=key, body=body) as asking:
                reply = await self.api.post("/api/v1/jobs", json=body, headers={"idempotency-key": key})
                asking.answer(reply.status_code, reply.json().get("id"))
            if reply.is_success:
                return str(reply.json()["id"])

    async def cancel(self, job_id: str) -> None:
        """Cancel one job."""
        with self.client.asking("cancel", job=job_id) as asking:
            reply = await self.api.post(f"/api/v1/jobs/{job_id}/cancel", json={"reason": "no more"})
            asking.answer(reply.status_code)

    async def histories(self) -> Histories:
        """What everybody has to tell."""
        database = await read_database_history(self.site.connection)
        rows = {str(job_id): n for job_id, n in (await self.site.effects_of_each()).items()}
        return Histories(read_client_history(self.file), database, self.recorder.history(), rows)


@pytest.fixture
async def laboratory(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Laboratory]:
    """All of it, without a worker."""
    with running_recorder(tmp_path) as recorder:
        monkeypatch.setenv(RECORDER, recorder.url)
        async with (
            open_site(database_url, tmp_path) as site,
            running_proxy(database_url) as proxy,
            running_api(proxy.url) as api,
        ):
            client = ClientHistory(tmp_path / "client.jsonl", "c1")
            yield Laboratory(site, proxy, api, recorder, client, tmp_path / "client.jsonl")
            client.close()


@pytest.fixture
def worker(laboratory: Laboratory, tmp_path: Path) -> Iterator[Worker]:
    """A worker with the laboratory's tasks, that is struck when it first does a keyed effect."""
    ordered = faults(tmp_path, "P5:kill/task=lab.keyed/once")
    site, modules = laboratory.site, ("tests.support.lab_tasks",)
    with running_worker(site.url, site.trace, modules=modules, executors=1, **ordered.settings) as running:
        yield running


async def test_what_happened_under_faults_is_right_and_the_story_of_what_is_not_is_told(
    laboratory: Laboratory, worker: Worker
) -> None:
    laboratory.proxy.swallow("COMMIT", times=2)
    keyed = await laboratory.submit("lab.keyed")
    assert await laboratory.site.until_ended(UUID(keyed), seconds=30) == ["SUCCEEDED"]
    worker.until_said("executor.died")
    written = await laboratory.submit("lab.transactional")
    done = [written, await laboratory.submit("lab.pure"), await laboratory.submit("lab.queryable", drop=1)]
    doubtful = await laboratory.submit("lab.unsafe", drop=1)
    cancelled = await laboratory.submit("lab.pure", seconds=19)
    await laboratory.cancel(cancelled)
    ended = await laboratory.site.until_ended(*map(UUID, [*done, cancelled]), seconds=30)
    assert ended == [*["SUCCEEDED"] * len(done), "CANCELLED"]
    await laboratory.site.until_state(UUID(doubtful), "IN_DOUBT")
    told = await laboratory.histories()
    assert [str(breach) for breach in check(told)] == []
    assert count(told)["acknowledged"] == 6
    assert laboratory.proxy.swallowed == {"COMMIT": 2}
    await tell_of_what_is_planted(laboratory, keyed, UUID(written))


async def tell_of_what_is_planted(laboratory: Laboratory, keyed: str, transactional: UUID) -> None:
    """One effect too many outside, one row too many inside, and a job that is gone."""
    (key,) = {each.key for each in laboratory.recorder.history(UUID(keyed))}
    async with httpx.AsyncClient() as anybody:
        await anybody.post(f"{laboratory.recorder.url}/effects?mode=plain", headers={"idempotency-key": key})
    await laboratory.site.connection.execute(
        "insert into public.effects select * from public.effects where job_id = $1", transactional
    )
    found = check(await laboratory.histories())
    assert {(each.invariant, each.job) for each in found} == {("I4", keyed), ("I4", str(transactional))}
    (twice,) = [each for each in found if each.job == keyed]
    assert "happened 2 times" in twice.says
    for seen in ("client    c1 asks to submit", "attempt 1 lost", "lab performed", "now SUCCEEDED in finished"):
        assert seen in twice.story
    async with laboratory.site.connection.transaction():
        for table in ("finished", "jobs"):
            column = "id" if table == "jobs" else "job_id"
            await laboratory.site.connection.execute(f"delete from easyflow.{table} where {column} = $1", transactional)
    lost = check(await laboratory.histories())
    assert ("I1", str(transactional)) in {(each.invariant, each.job) for each in lost}


async def test_a_request_that_is_cut_off_stays_unknown_and_one_of_a_dead_client_too(tmp_path: Path) -> None:
    file = tmp_path / "client.jsonl"
    first, second = ClientHistory(file, "c1"), ClientHistory(file, "c2")

    async def cut_off() -> None:
        with first.asking("submit", key="a"):
            await asyncio.sleep(60)

    asking = asyncio.create_task(cut_off())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    second.asking("submit", key="b").__enter__()
    with first.asking("cancel", job="j") as refused:
        refused.answer(404)
    with first.asking("submit", key="c") as busy:
        busy.answer(503)
    told = [(each.client, each.act, each.key, each.heard) for each in read_client_history(file)]
    assert told == [
        ("c1", "submit", "a", "unknown"),
        ("c2", "submit", "b", "unknown"),
        ("c1", "cancel", None, "fail"),
        ("c1", "submit", "c", "unknown"),
    ]
    first.close()
    second.close()

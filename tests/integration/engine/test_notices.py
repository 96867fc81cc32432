"""Workers tell who looks on what changed: soon, seldom, and without ever waiting for it themselves."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from easyflow.storage.notifications import CHANGED, Topic, notify_ready, topics_in
from tests.support.live import serving
from tests.support.site import Site, job
from tests.support.waiting import until
from tests.support.worker import Worker, running_worker

NAME = "easyflow notices"


class Ear:
    """Remembers the notices of a database."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.notices: list[frozenset[Topic]] = []

    async def listen(self) -> None:
        """Begin."""
        await self._connection.add_listener(CHANGED, lambda *said: self.notices.append(topics_in(said[3])))

    def forget(self) -> None:
        """Begin anew."""
        self.notices.clear()

    async def hears(self, *topics: Topic) -> None:
        """Return once all these topics were named."""

        async def named() -> bool:
            return set(topics) <= {topic for notice in self.notices for topic in notice}

        await until(10, named, lambda: f"{self.notices}")

    async def is_quiet(self) -> None:
        """Return once nothing was heard for longer than a bell may hold anything back."""
        heard, since = -1, time.monotonic()

        async def quiet() -> bool:
            nonlocal heard, since
            if len(self.notices) != heard:
                heard, since = len(self.notices), time.monotonic()
            return time.monotonic() - since > 2.2

        await until(20, quiet, lambda: f"{self.notices}")
        self.forget()


async def hearing(url: str) -> AsyncIterator[Ear]:
    connection = await asyncpg.connect(url)
    ear = Ear(connection)
    await ear.listen()
    yield ear
    await connection.close()


@pytest.fixture
async def ear(site: Site) -> AsyncIterator[Ear]:
    """Hears the notices of the shared worker."""
    async for opened in hearing(site.url):
        yield opened


@pytest.fixture
async def own_ear(own_site: Site) -> AsyncIterator[Ear]:
    """Hears the notices in a test's own database."""
    async for opened in hearing(own_site.url):
        yield opened


async def notice_backends(site: Site) -> list[int]:
    rows = await site.connection.fetch(
        "select pid from pg_stat_activity where datname = current_database() and application_name = $1", NAME
    )
    return [row["pid"] for row in rows]


async def test_a_job_that_an_executor_finished_reaches_a_subscribed_client(site: Site, worker: Worker) -> None:
    async with serving(site.url) as live, live.stream() as stream:
        await stream.next()
        done = await site.submit("test.pure")
        await stream.until(lambda event: event.name == "changed" and "jobs" in event.data["topics"])
        failed = await site.submit("test.pure", {"failures": 9}, max_attempts=1)
        assert await site.until_ended(done, failed) == ["SUCCEEDED", "FAILED"]
        await stream.until(lambda event: event.name == "changed" and "dead-letters" in event.data["topics"])


@pytest.mark.parametrize("task", ["test.pure", "test.write", "test.sync"])
async def test_what_executors_claim_and_finish_is_told(site: Site, worker: Worker, ear: Ear, task: str) -> None:
    await ear.is_quiet()
    await site.until_ended(await site.submit(task))
    await ear.hears("jobs")
    assert not any("dead-letters" in notice for notice in ear.notices)


async def test_a_claim_is_told_when_it_is_made_and_an_ending_when_it_is_recorded(
    site: Site, worker: Worker, ear: Ear
) -> None:
    await ear.is_quiet()
    job_id = await site.submit("test.pure", {"seconds": 4})
    await ear.hears("jobs")
    assert await site.states([job_id]) == {job_id: "RUNNING"}
    ear.forget()
    await site.until_ended(job_id)
    await ear.hears("jobs")


async def test_many_endings_are_one_notice_a_second(site: Site, worker: Worker, ear: Ear) -> None:
    await ear.is_quiet()
    began = time.monotonic()
    ids = await site.submit_all(job("test.pure", {"seconds": 0.01}) for _ in range(1000))
    await site.until_ended(*ids)
    await ear.hears("jobs")
    assert len(ear.notices) <= 2 + (time.monotonic() - began)


async def test_jobs_end_while_a_notice_hangs(site: Site, worker: Worker, ear: Ear) -> None:
    await site.until_ended(await site.submit("test.pure"))
    await ear.hears("jobs")
    stopped = await notice_backends(site)
    assert len(stopped) == 1
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            ids = await site.submit_all(job(task) for task in ("test.pure", "test.write") for _ in range(20))
            assert set(await site.until_ended(*ids)) == {"SUCCEEDED"}
            await site.connection.execute("select pg_sleep(0.6)")
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


async def test_notices_go_on_when_their_connection_was_cut_off(site: Site, worker: Worker, ear: Ear) -> None:
    await site.until_ended(await site.submit("test.pure"))
    await ear.hears("jobs")
    for pid in await notice_backends(site):
        await site.connection.execute("select pg_terminate_backend($1)", pid)

    async def heard_again() -> bool:
        ear.forget()
        await site.until_ended(await site.submit("test.pure"))
        return bool(ear.notices)

    await until(20, heard_again)


async def test_a_job_that_becomes_due_is_told_while_its_queue_is_paused(site: Site, worker: Worker, ear: Ear) -> None:
    await site.change_queue("default", paused=True)
    try:
        await ear.is_quiet()
        job_id = await site.submit("test.pure", delay_seconds=0.3)
        await site.until_state(job_id, "READY")
        await ear.hears("jobs")
    finally:
        await site.change_queue("default", paused=False)
    await site.until_ended(job_id)


async def test_the_coming_and_going_of_a_worker_is_told(own_site: Site, own_ear: Ear) -> None:
    with running_worker(own_site.url, own_site.trace) as own:
        await own_ear.hears("workers", "queues")
        await own_ear.is_quiet()
        os.kill(own.executors()[0], signal.SIGKILL)
        await own_ear.hears("workers")
        await own_ear.is_quiet()
        # No job, no word: an idle worker says nothing.
        await notify_ready(own_site.connection, ["default"])
        await asyncio.to_thread(own.until_said, "worker.ready")
        assert own_ear.notices == []
        own.send(signal.SIGTERM)
        await asyncio.to_thread(own.ended)
        await own_ear.hears("workers", "jobs", "dead-letters")


async def test_progress_is_told(site: Site, worker: Worker, ear: Ear) -> None:
    await ear.is_quiet()
    job_id = await site.submit("test.progress", {"seconds": 5})

    async def told_of_claim_and_progress() -> bool:
        return len(ear.notices) >= 2

    await until(10, told_of_claim_and_progress, lambda: f"{ear.notices}")
    assert await site.states([job_id]) == {job_id: "RUNNING"}
    await site.cancel(job_id)
    await site.until_ended(job_id)

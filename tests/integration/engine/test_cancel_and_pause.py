"""Operators stop jobs and queues while workers run them."""

from __future__ import annotations

import pytest

from tests.support.processes import is_alive
from tests.support.site import Site, job
from tests.support.waiting import until, within
from tests.support.worker import Worker, running_worker

pytestmark = pytest.mark.usefixtures("worker")


@pytest.mark.parametrize("task", ["test.pure", "test.sync", "test.process", "test.unsafe"])
async def test_a_running_job_is_stopped_and_never_succeeds(site: Site, worker: Worker, task: str) -> None:
    executors = worker.executors()
    job_id = await site.submit(task, {"seconds": 60})
    await site.until_traced("start", job_id)
    (start,) = site.trace.events("start", job_id)
    assert await site.cancel(job_id) == "requested"
    assert await site.until_ended(job_id) == ["CANCELLED"]
    assert await site.outcomes(job_id) == ["cancelled"]
    assert site.trace.count("end", job_id) == 0
    assert await site.dead_letter(job_id) is None
    if task == "test.process":
        within(5, lambda: not is_alive(start["pid"]))
    else:
        assert site.trace.count("stopped", job_id) == 1
    assert worker.executors() == executors


async def test_a_job_that_ends_all_the_same_is_cancelled_and_keeps_no_result(site: Site) -> None:
    job_id = await site.submit("test.stubborn", {"seconds": 60})
    await site.until_traced("start", job_id)
    await site.cancel(job_id)
    assert await site.until_ended(job_id) == ["CANCELLED"]
    assert site.trace.count("swallowed", job_id) == 1
    assert await site.result(job_id) is None


async def test_a_job_that_was_about_to_be_tried_again_is_cancelled(site: Site) -> None:
    job_id = await site.submit("test.pure", {"seconds": 0.4, "failures": 9})
    await site.until_traced("start", job_id)
    await site.cancel(job_id)
    assert await site.until_ended(job_id) == ["CANCELLED"]


async def test_a_waiting_job_is_cancelled_before_any_executor_sees_it(site: Site) -> None:
    later = await site.submit("test.pure", delay_seconds=3600.0)
    elsewhere = await site.submit("test.pure", queue="unserved")
    assert [await site.cancel(later), await site.cancel(elsewhere)] == ["cancelled", "cancelled"]
    assert await site.until_ended(later, elsewhere) == ["CANCELLED", "CANCELLED"]
    assert site.trace.count("start", later) == site.trace.count("start", elsewhere) == 0


async def test_what_waits_in_an_executor_is_cancelled_without_being_run(own_site: Site) -> None:
    with running_worker(own_site.url, own_site.trace, executors=1, concurrency=4, transactional_concurrency=1):
        ids = await own_site.submit_all(job("test.write", {"seconds": 0.7}) for _ in range(4))
        await own_site.until_traced("wrote")
        (running,) = {each["job"] for each in own_site.trace.events("wrote")}
        waiting = [job_id for job_id in ids if str(job_id) != running]
        assert {await own_site.cancel(job_id) for job_id in waiting} == {"requested"}
        assert set(await own_site.until_ended(*waiting, seconds=3)) == {"CANCELLED"}
        assert set(await own_site.until_ended(*ids)) == {"CANCELLED", "SUCCEEDED"}
    assert own_site.trace.count("start") == 1
    assert await own_site.effects() == 1


async def test_nothing_of_a_paused_queue_runs_until_it_is_resumed(own_site: Site) -> None:
    with running_worker(own_site.url, own_site.trace, executors=1, concurrency=2):
        # Short jobs first: at their pace the executor claims ahead, and so holds some of those that follow.
        await own_site.until_ended(*await own_site.submit_all(job("test.pure") for _ in range(300)))
        ids = await own_site.submit_all(job("test.pure", {"seconds": 0.3}) for _ in range(25))
        await own_site.until_traced("start", ids[0])
        await own_site.change_queue("default", paused=True)

        async def handed_back() -> bool:
            return not await own_site.connection.fetchval("select count(*) from easyflow.leases")

        await until(5, handed_back)
        begun = own_site.trace.count("start")
        counts = await own_site.connection.fetchrow(
            "select count(*) as waiting, sum(retry_count + losses + unstarted) as charged from easyflow.ready"
        )
        assert counts is not None
        assert (counts["waiting"], counts["charged"]) == (325 - begun, 0)
        other = await own_site.submit("test.pure")
        await own_site.connection.execute("select pg_sleep(0.5)")
        assert own_site.trace.count("start") == begun
        await own_site.change_queue("default", paused=False)
        assert set(await own_site.until_ended(*ids, other, seconds=30)) == {"SUCCEEDED"}
    assert own_site.trace.count("start") == 326
    await own_site.assert_conserved()


async def test_what_waits_for_a_session_goes_back_when_its_queue_is_paused(own_site: Site) -> None:
    with running_worker(own_site.url, own_site.trace, executors=1, concurrency=4, transactional_concurrency=1):
        ids = await own_site.submit_all(job("test.write", {"seconds": 0.6}) for _ in range(4))
        await own_site.until_traced("wrote")
        await own_site.change_queue("default", paused=True)

        async def one_is_left() -> bool:
            held: int = await own_site.connection.fetchval("select count(*) from easyflow.leases")
            return held <= 1

        await until(5, one_is_left)
        await own_site.connection.execute("select pg_sleep(0.8)")
        assert sorted((await own_site.states(ids)).values()) == ["READY"] * 3 + ["SUCCEEDED"]
        await own_site.change_queue("default", paused=False)
        assert set(await own_site.until_ended(*ids)) == {"SUCCEEDED"}
    assert own_site.trace.count("start") == 4


async def test_a_job_that_is_run_now_does_not_wait_for_its_time(site: Site) -> None:
    job_id = await site.submit("test.pure", delay_seconds=3600.0)
    assert (await site.states([job_id]))[job_id] == "SCHEDULED"
    await site.run_now(job_id)
    assert await site.until_ended(job_id) == ["SUCCEEDED"]


async def test_a_scheduled_job_starts_when_it_is_due_and_not_before(site: Site) -> None:
    job_id = await site.submit("test.pure", delay_seconds=0.7)
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    waited = await site.connection.fetchval(
        "select a.claimed_at - j.created_at from easyflow.attempts a join easyflow.jobs j on j.id = a.job_id "
        "where a.job_id = $1",
        job_id,
    )
    assert 0.7 <= waited.total_seconds() < 3.0

"""A worker that is told to stop finishes what it can, hands back the rest, and leaves nothing behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from uuid import UUID

import pytest

from tests.support.site import Site, job
from tests.support.worker import READY_SECONDS, Worker, running_worker, start_worker, until_gone

COUNTERS = ("retry_count", "losses", "unstarted")


async def assert_uncharged(site: Site, ids: Sequence[UUID]) -> None:
    for job_id in ids:
        ticket = await site.ticket(job_id)
        assert [ticket[name] for name in COUNTERS] == [0, 0, 0]


async def test_running_jobs_finish_and_the_rest_goes_back_unharmed(own_site: Site) -> None:
    with running_worker(
        own_site.url, own_site.trace, executors=1, concurrency=8, transactional_concurrency=4, drain_grace_seconds=10
    ) as worker:
        executors = worker.executors()
        ids = await own_site.submit_all(job("test.write", {"seconds": 0.8}) for _ in range(40))
        await own_site.until_traced("wrote", times=4)
        worker.send(signal.SIGTERM)
        assert worker.ended() == 0
        until_gone(executors, 1.0)
    states = await own_site.states(ids)
    done = [job_id for job_id in ids if states[job_id] == "SUCCEEDED"]
    back = [job_id for job_id in ids if states[job_id] == "READY"]
    assert len(done) + len(back) == 40
    # As many as there are sessions had begun; those that waited for one were claimed, and went back.
    assert len(done) == 4
    await assert_uncharged(own_site, ids)
    assert own_site.trace.count("start") == len(done)
    assert await own_site.effects_of_each() == dict.fromkeys(done, 1)
    assert await own_site.connection.fetchval("select count(*) from easyflow.leases") == 0
    assert await own_site.connection.fetchval("select state from easyflow.workers") == "stopped"
    assert await own_site.connection.fetchval("select count(*) from easyflow.executors where state = 'live'") == 0
    await own_site.assert_conserved()


async def test_what_does_not_finish_in_time_goes_back_unless_it_may_have_acted(own_site: Site) -> None:
    with running_worker(own_site.url, own_site.trace, executors=1, drain_grace_seconds=0.3) as worker:
        tasks = ["test.pure", "test.write", "test.sync", "test.process", "test.deaf", "test.keyed", "test.unsafe"]
        back = [await own_site.submit(task, {"seconds": 60}, timeout_seconds=60.0) for task in tasks]
        for job_id in back:
            await own_site.until_traced("start", job_id)
        hanging = {"payload": {"first": "hangs"}, "timeout_seconds": 60.0}
        back.append(await own_site.submit("test.charge_keyed", **hanging))
        unsafe = [await own_site.submit(f"test.charge_unsafe{where}", **hanging) for where in ("", "_apart")]
        for job_id in (back[-1], *unsafe):
            await own_site.until_traced("charged", job_id)
        worker.send(signal.SIGTERM)
        began = time.monotonic()
        assert worker.ended() == 0
        assert time.monotonic() - began < 0.3 + 0.5 + 5
    assert set((await own_site.states(back)).values()) == {"READY"}
    await assert_uncharged(own_site, back)
    assert await own_site.effects() == 0
    assert set((await own_site.states(unsafe)).values()) == {"IN_DOUBT"}
    assert [await own_site.dead_letter(job_id) for job_id in unsafe] == [None, None]
    assert [await own_site.outcomes(job_id) for job_id in unsafe] == [["in_doubt"], ["in_doubt"]]
    await own_site.assert_conserved()


async def test_a_second_signal_does_not_wait_for_the_grace_period(own_site: Site) -> None:
    with running_worker(own_site.url, own_site.trace, executors=1, drain_grace_seconds=60) as worker:
        back = [await own_site.submit(task, {"seconds": 60}) for task in ("test.pure", "test.write", "test.keyed")]
        for job_id in back:
            await own_site.until_traced("start", job_id)
        unsafe = await own_site.submit("test.charge_unsafe", {"first": "hangs"}, timeout_seconds=60.0)
        await own_site.until_traced("charged", unsafe)
        worker.send(signal.SIGTERM)
        worker.until_said("worker.draining")
        worker.send(signal.SIGTERM)
        began = time.monotonic()
        assert worker.ended() == 0
        assert time.monotonic() - began < 5
        assert await own_site.connection.fetchval("select state from easyflow.workers") == "stopped"
    assert set((await own_site.states(back)).values()) == {"READY"}
    await assert_uncharged(own_site, back)
    assert (await own_site.states([unsafe]))[unsafe] == "IN_DOUBT"
    await own_site.assert_conserved()


async def test_a_worker_that_waits_for_its_database_can_be_told_to_stop(own_site: Site) -> None:
    nowhere = own_site.url.rpartition("/")[0] + "/no_such_database"
    worker = start_worker(nowhere, own_site.trace)
    worker.until_said("database.away", seconds=READY_SECONDS)
    worker.send(signal.SIGTERM)
    assert worker.ended(5.0) == 0


@pytest.mark.parametrize(
    ("module", "complaint"),
    [
        ("nowhere.to_be_found", "cannot load tasks from nowhere.to_be_found: ModuleNotFoundError"),
        ("tests.support.quitting_tasks", "cannot load tasks from tests.support.quitting_tasks: SystemExit"),
    ],
)
async def test_a_module_that_cannot_be_loaded_ends_the_worker_with_one_sentence(
    own_site: Site, module: str, complaint: str
) -> None:
    worker: Worker = start_worker(own_site.url, own_site.trace, modules=[module])
    assert worker.ended() not in (0, None)
    (sentence,) = worker.complaints()
    assert complaint in sentence

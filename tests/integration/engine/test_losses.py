"""Executors and whole workers that die: what they ran goes on elsewhere, and only what began pays for it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.conftest import Connect
from tests.support.site import Site, job
from tests.support.waiting import until, within
from tests.support.worker import Worker, running_worker, until_gone

COUNTERS = ("retry_count", "losses", "unstarted")


async def counters(site: Site, job_id: object) -> tuple[int, ...]:
    row = await site.connection.fetchrow("select * from easyflow.job_states where job_id = $1", job_id)
    assert row is not None
    return tuple(row[name] for name in COUNTERS)


async def until_processes_can_be_had(site: Site) -> None:
    """Wait until the worker's fork server, which starts behind its executors, has made a process."""
    assert await site.until_ended(await site.submit("test.process")) == ["SUCCEEDED"]


@pytest.fixture
def own_worker(own_site: Site) -> Iterator[Worker]:
    """A worker that the test may hurt."""
    with running_worker(own_site.url, own_site.trace, concurrency=4) as running:
        yield running


async def test_the_jobs_of_a_killed_executor_run_again_within_a_second(own_site: Site, own_worker: Worker) -> None:
    await until_processes_can_be_had(own_site)
    pure = await own_site.submit("test.slow_once", {"seconds": 60})
    await own_site.until_traced("start", pure)
    (first,) = own_site.trace.events("start", pure)
    killed_at = time.monotonic()
    os.kill(first["pid"], signal.SIGKILL)
    await own_site.until_traced("start", pure, times=2)
    second = own_site.trace.events("start", pure)[1]
    assert second["at"] - killed_at < 1.0
    assert second["pid"] != first["pid"]
    assert await own_site.until_ended(pure) == ["SUCCEEDED"]
    assert await own_site.outcomes(pure) == ["lost", "succeeded"]
    assert await counters(own_site, pure) == (0, 0, 0)
    (died,) = own_worker.said("executor.died")
    assert (died["pid"], died["returncode"], died["started_jobs"]) == (first["pid"], -9, 1)
    within(10, lambda: len(own_worker.executors()) == 2)


async def test_what_a_killed_executor_ran_is_judged_by_its_effects(own_site: Site) -> None:
    # Transactional jobs beyond the one session wait in the executor: claimed, and not begun.
    options = {"executors": 1, "concurrency": 8, "transactional_concurrency": 1}
    with running_worker(own_site.url, own_site.trace, **options) as worker:
        hanging = {"payload": {"first": "hangs"}, "timeout_seconds": 60.0}
        keyed, unsafe = [await own_site.submit(f"test.charge_{kind}", **hanging) for kind in ("keyed", "unsafe")]
        for job_id in (keyed, unsafe):
            await own_site.until_traced("charged", job_id)
        writes = await own_site.submit_all(job("test.write", {"seconds": 0.7}) for _ in range(3))
        ids = [await own_site.submit(task, {"seconds": 0.7}) for task in ("test.pure", "test.keyed", "test.unsafe")]
        for job_id in ids:
            await own_site.until_traced("start", job_id)
        await own_site.until_traced("wrote")
        (begun,) = {each["job"] for each in own_site.trace.events("wrote")}
        os.kill(worker.executors()[0], signal.SIGKILL)
        assert set(await own_site.until_ended(*writes, *ids, keyed)) == {"SUCCEEDED"}
        await own_site.until_state(unsafe, "IN_DOUBT")
    for job_id in (*writes, *ids, keyed):
        was_begun = job_id not in writes or str(job_id) == begun
        assert await counters(own_site, job_id) == ((0, 0, 0) if was_begun else (0, 0, 1))
        assert await own_site.outcomes(job_id) == ["lost" if was_begun else "unstarted", "succeeded"]
    assert await own_site.effects_of_each() == dict.fromkeys(writes, 1)
    assert len({each["key"] for each in own_site.trace.events("charged", keyed)}) == 1
    assert own_site.trace.count("charged", keyed) == 2
    assert (own_site.trace.count("start", unsafe), own_site.trace.count("charged", unsafe)) == (1, 1)
    assert await counters(own_site, unsafe) == (0, 1, 0)
    (attempt,) = await own_site.attempts(unsafe)
    assert attempt["outcome"] == "in_doubt"
    assert "not repeated blindly" in attempt["error_message"]
    await own_site.assert_conserved()


async def test_a_job_that_takes_its_process_down_each_time_is_set_aside(own_site: Site) -> None:
    with running_worker(own_site.url, own_site.trace, executors=1, concurrency=1):
        job_id = await own_site.submit("test.die", {"kind": "abort"})
        assert await own_site.until_ended(job_id, seconds=25) == ["FAILED"]
        assert await own_site.outcomes(job_id) == ["lost"] * 3
        assert own_site.trace.count("start", job_id) == 3
        letter = await own_site.dead_letter(job_id)
        assert letter is not None
        assert letter["reason"] == "lost"
        assert await own_site.until_ended(await own_site.submit("test.pure")) == ["SUCCEEDED"]


async def test_the_neighbours_of_a_job_that_kills_executors_survive_it(own_site: Site, own_worker: Worker) -> None:
    neighbours = await own_site.submit_all(job("test.pure", {"seconds": 3}) for _ in range(3))
    writers = await own_site.submit_all(job("test.write", {"seconds": 2}) for _ in range(2))
    for job_id in (*neighbours, *writers):
        await own_site.until_traced("start", job_id)
    poison = await own_site.submit("test.die", {"kind": "segfault"})
    states = await own_site.until_ended(poison, *neighbours, *writers, seconds=30)
    assert states == ["FAILED", *["SUCCEEDED"] * 5]
    assert await own_site.outcomes(poison) == ["lost"] * 3
    for job_id in (*neighbours, *writers):
        assert await counters(own_site, job_id) == (0, 0, 0)
    assert await own_site.effects_of_each() == dict.fromkeys(writers, 1)
    # The second and the third time it died alone: that is what makes the blame certain.
    assert len(own_worker.said("executor.died")) == 1


async def test_a_task_that_keeps_killing_is_kept_apart_from_then_on(own_site: Site, own_worker: Worker) -> None:
    neighbour = await own_site.submit("test.pure", {"seconds": 4})
    await own_site.until_traced("start", neighbour)
    for _ in range(5):
        killer = await own_site.submit("test.die", {"kind": "segfault"})
        assert await own_site.until_ended(killer) == ["FAILED"]
        assert await own_site.outcomes(killer) == ["lost"] * 3
    (quarantined,) = own_worker.said("task.quarantined")
    assert quarantined["task"] == "test.die"
    # The first took an executor down, as nobody knew; the others took only themselves.
    assert len(own_worker.said("executor.died")) == 1
    # Another that started with it would have been told as well.
    os.kill(own_worker.executors()[0], signal.SIGKILL)
    own_worker.until_said("executor.died", 2)
    within(20, lambda: len(own_worker.executors()) == 2)
    late = await own_site.submit_all(job("test.die", {"kind": "segfault"}) for _ in range(4))
    assert set(await own_site.until_ended(*late, neighbour, seconds=30)) == {"FAILED", "SUCCEEDED"}
    assert len(own_worker.said("executor.died")) == 2
    assert (await counters(own_site, neighbour))[:2] == (0, 0)


async def test_all_that_a_killed_executor_ran_begin_again_each_alone(own_site: Site) -> None:
    with running_worker(own_site.url, own_site.trace, concurrency=40) as worker:
        ids = await own_site.submit_all(job("test.slow_once", {"seconds": 60}) for _ in range(40))
        await own_site.until_traced("start", times=40)
        killed = max(worker.executors(), key=[each["pid"] for each in own_site.trace.events("start")].count)
        its_own = {each["job"] for each in own_site.trace.events("start") if each["pid"] == killed}
        assert len(its_own) >= 20
        os.kill(killed, signal.SIGKILL)
        await own_site.until_traced("start", times=40 + len(its_own), seconds=30)
        again = [each for each in own_site.trace.events("start") if each["lease"] == 2]
        assert {each["job"] for each in again} == its_own
        suspects = [job_id for job_id in ids if str(job_id) in its_own]
        assert set(await own_site.until_ended(*suspects)) == {"SUCCEEDED"}
        assert {await counters(own_site, job_id) for job_id in suspects} == {(0, 0, 0)}
        assert len({each["pid"] for each in again}) == len(again)


async def test_a_death_alone_that_its_executor_could_not_record_is_charged_all_the_same(
    own_site: Site, connect: Connect
) -> None:
    holder = await connect()
    waiting = "select pid from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0"
    with running_worker(own_site.url, own_site.trace, executors=1) as worker:
        (executor,) = worker.executors()
        job_id = await own_site.submit("test.process", {"seconds": 1})
        await own_site.until_traced("start", job_id)
        async with holder.transaction():
            # What would record the death stands behind this lock, until its executor is dead too.
            await holder.execute("select from easyflow.leases where job_id = $1 for update", job_id)
            os.kill(own_site.trace.events("start", job_id)[0]["pid"], signal.SIGKILL)

            async def recording() -> bool:
                return await own_site.connection.fetchval(waiting) is not None

            await until(10, recording)
            os.kill(executor, signal.SIGKILL)
            until_gone([executor])
            await own_site.connection.execute(f"select pg_terminate_backend(pid) from ({waiting}) as w")
        assert await own_site.until_ended(job_id) == ["SUCCEEDED"]
    assert await own_site.outcomes(job_id) == ["lost", "succeeded"]


@pytest.mark.parametrize("task", ["test.die_alone", "test.die_keyed"])
async def test_a_job_in_a_process_of_its_own_dies_alone(site: Site, worker: Worker, task: str) -> None:
    executors = set(worker.executors())
    neighbour = await site.submit("test.pure", {"seconds": 1})
    job_id = await site.submit(task, {"kind": "os._exit"})
    assert await site.until_ended(job_id, neighbour) == ["FAILED", "SUCCEEDED"]
    assert await site.outcomes(job_id) == ["lost"] * 3
    assert await site.outcomes(neighbour) == ["succeeded"]
    letter = await site.dead_letter(job_id)
    assert letter is not None
    assert letter["reason"] == "lost"
    assert set(worker.executors()) == executors


async def test_another_worker_takes_over_when_a_supervisor_is_killed(own_site: Site, own_worker: Worker) -> None:
    orphans = own_worker.executors()
    slow = await own_site.submit_all(job("test.slow_once", {"seconds": 60}) for _ in range(4))
    for job_id in slow:
        await own_site.until_traced("start", job_id)
    with running_worker(own_site.url, own_site.trace, executors=1, concurrency=8) as other:
        writes = await own_site.submit_all(job("test.write", {"seconds": 0.5}) for _ in range(8))
        for job_id in writes:
            await own_site.until_traced("wrote", job_id)
        killed_at = time.monotonic()
        own_worker.process.kill()
        own_worker.ended()
        assert set(await own_site.until_ended(*slow, *writes)) == {"SUCCEEDED"}
        until_gone(orphans, 5.0)
        for job_id in slow:
            first, again = own_site.trace.events("start", job_id)
            assert (first["pid"] in orphans, again["pid"]) == (True, other.executors()[0])
            assert again["at"] - killed_at < 3 + 2
            assert (await counters(own_site, job_id))[:2] == (0, 0)
    assert await own_site.effects_of_each() == dict.fromkeys(writes, 1)
    await own_site.assert_conserved()


async def test_a_frozen_worker_comes_back_to_find_its_jobs_gone(own_site: Site) -> None:
    with running_worker(own_site.url, own_site.trace, executors=1) as frozen:
        unsafe = await own_site.submit("test.charge_unsafe", {"first": "hangs"}, timeout_seconds=60.0)
        await own_site.until_traced("charged", unsafe)
        job_id = await own_site.submit("test.write", {"seconds": 0.4})
        untouched = await own_site.submit("test.unsafe", {"seconds": 0.4})
        await own_site.until_traced("wrote", job_id)
        zombies = [frozen.pid, *frozen.executors()]
        for pid in zombies:
            os.kill(pid, signal.SIGSTOP)
        with running_worker(own_site.url, own_site.trace, executors=1) as other:
            assert await own_site.until_ended(job_id, untouched, seconds=20) == ["SUCCEEDED", "SUCCEEDED"]
            await own_site.until_state(unsafe, "IN_DOUBT")
            assert own_site.trace.events("end", job_id)[0]["pid"] in other.executors()
            for pid in reversed(zombies):
                os.kill(pid, signal.SIGCONT)
            frozen.until_said("executor.killed")
            until_gone(zombies[1:])
            frozen.until_said("worker.ready", 1)
            within(10, lambda: len(frozen.executors()) == 1)
    assert frozen.said("executor.killed")[0]["why"] == "its lease had run out"
    assert await own_site.effects(job_id) == 1
    assert await own_site.outcomes(job_id) == ["unstarted", "succeeded"]
    assert await own_site.outcomes(unsafe) == ["in_doubt"]
    assert own_site.trace.count("charged", unsafe) == 1


async def test_an_executor_whose_supervisor_is_frozen_claims_nothing_behind_its_lease(own_site: Site) -> None:
    with running_worker(own_site.url, own_site.trace, executors=1) as frozen:
        (executor,) = frozen.executors()
        frozen.send(signal.SIGSTOP)
        ran_out = "select pg_sleep_until(max(lease_until) + interval '50 milliseconds') from easyflow.executors"
        await own_site.connection.execute(ran_out)
        with running_worker(own_site.url, own_site.trace, executors=1) as other:
            ids = await own_site.submit_all(job("test.unsafe") for _ in range(50))
            assert set(await own_site.until_ended(*ids)) == {"SUCCEEDED"}
            assert {each["pid"] for each in own_site.trace.events("start")} == set(other.executors())

            async def declared_dead() -> bool:
                dead: int = await own_site.connection.fetchval(
                    "select count(*) from easyflow.executors where state = 'dead'"
                )
                return dead == 1

            await until(10, declared_dead)
        frozen.send(signal.SIGCONT)
        until_gone([executor])


async def test_a_blocked_loop_costs_an_executor_neither_its_lease_nor_its_life_unless_its_supervisor_dies(
    own_site: Site,
) -> None:
    options = {"executors": 1, "lease_seconds": 1, "renew_seconds": 0.3, "drain_grace_seconds": 0.5}
    with running_worker(own_site.url, own_site.trace, **options) as one:
        job_id = await own_site.submit("test.block", {"seconds": 2.5}, timeout_seconds=60.0)
        await own_site.until_traced("start", job_id)
        with running_worker(own_site.url, own_site.trace, **options):
            assert await own_site.until_ended(job_id) == ["SUCCEEDED"]
            assert await own_site.outcomes(job_id) == ["succeeded"]
            assert own_site.trace.count("start", job_id) == 1
        (orphan,) = one.executors()
        stuck = await own_site.submit("test.block", {"seconds": 60}, timeout_seconds=120.0)
        await own_site.until_traced("start", stuck)
        one.process.kill()
        one.ended()
        until_gone([orphan], 1 + 0.5 + 3)

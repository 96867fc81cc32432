"""Losses of answers that no claimer and no finisher hears of: completions, rescues, promotions, forgotten claims."""

from __future__ import annotations

import os
import signal
from uuid import uuid4

import asyncpg
import pytest

from easyflow.engine.connection import LOST, HeldConnection
from easyflow.engine.housekeeping import catch_up, chores, run_due
from easyflow.engine.strays import Strays
from easyflow.storage import claims
from easyflow.storage.admission import admit
from easyflow.storage.notifications import TOPICS
from easyflow.storage.streams import Streams
from tests.conftest import Connect
from tests.support.factories import RETRY, claim, concurrent, end, key, place, submit
from tests.support.proxy import proxy_process, running_proxy
from tests.support.site import Site, job
from tests.support.worker import running_worker

COUNTERS = ("retry_count", "losses", "unstarted")


async def test_a_transactional_job_whose_commit_is_unheard_takes_effect_once_and_is_known_to(own_site: Site) -> None:
    with (
        proxy_process(own_site.url) as line,
        running_worker(line.url, own_site.trace, executors=1, concurrency=4) as worker,
    ):
        line.tell("swallow", what="COMMIT of finish_jobs", times=2)
        ids = await own_site.submit_all(job("test.write", key="k", ordered=True) for _ in range(4))
        assert await own_site.until_ended(*ids) == ["SUCCEEDED"] * 4
        assert line.tell("state")["swallowed"] == {"COMMIT of finish_jobs": 2}
        assert worker.said("job.finish_rejected") == []
    assert await own_site.effects_of_each() == dict.fromkeys(ids, 1)
    for job_id in ids:
        assert own_site.trace.count("start", job_id) == 1
        assert await own_site.outcomes(job_id) == ["succeeded"]
    await own_site.assert_conserved()


async def test_a_rescue_whose_commit_is_unheard_charges_once(own_site: Site) -> None:
    with (
        proxy_process(own_site.url) as line,
        running_worker(line.url, own_site.trace, executors=1, concurrency=4) as worker,
    ):
        ids = await own_site.submit_all(job("test.slow_once", {"seconds": 60}) for _ in range(3))
        for job_id in ids:
            await own_site.until_traced("start", job_id)
        line.tell("swallow", what="COMMIT of rescue_jobs")
        os.kill(worker.executors()[0], signal.SIGKILL)
        assert await own_site.until_ended(*ids) == ["SUCCEEDED"] * 3
        assert line.tell("state")["swallowed"] == {"COMMIT of rescue_jobs": 1}
    for job_id in ids:
        assert await own_site.outcomes(job_id) == ["lost", "succeeded"]
        ticket = await own_site.ticket(job_id)
        # The loss was given back when the job, run apart, succeeded.
        assert [ticket[name] for name in COUNTERS] == [0, 0, 0]
    await own_site.assert_conserved()


async def test_what_housekeeping_moved_unheard_goes_on_at_once(connect: Connect, database_url: str) -> None:
    connection = await connect()
    (job_id,) = await submit(connection, concurrent())
    await admit(connection, [key()])
    await end(connection, await claim(connection), RETRY)

    async def nobody_is_lost(connection: asyncpg.Connection) -> list[asyncpg.Record]:
        return []

    loops = chores(0.25, 15.0, nobody_is_lost, Strays({}))
    for loop in loops:
        loop.due_at = 0.0 if loop.name == "promote" else float("inf")  # the others have just had their turn
    rung: set[str] = set()

    def ring(*topics: str) -> None:
        rung.update(topics)

    async with running_proxy(database_url) as line:
        held = HeldConnection(line.url, "housekeeping")

        async def turn() -> None:
            async with held.lent() as lent:
                await run_due(loops, lent, ring)

        line.swallow("promote_jobs")
        with pytest.raises(LOST):
            await turn()
        assert (await place(connection, job_id), line.swallowed.total()) == ("BLOCKED", 1)
        async with held.lent() as lent:
            await catch_up(loops, lent, ["default"], ring)
        await turn()
        await held.close()
    assert await place(connection, job_id) == "READY"
    assert rung == set(TOPICS)


async def test_a_worker_looks_at_everything_again_when_an_answer_to_its_housekeeping_was_lost(own_site: Site) -> None:
    with (
        proxy_process(own_site.url) as line,
        running_worker(line.url, own_site.trace, executors=1, poll_seconds=60),
    ):
        job_id = await own_site.submit("test.pure", {"failures": 1})
        await own_site.until_state(job_id, "SCHEDULED")
        # Due, and nobody looks for a minute; but the answer to a look could have been lost.
        line.tell("swallow", what="read_queue_settings")
        assert await own_site.until_ended(job_id, seconds=10) == ["SUCCEEDED"]
        assert line.tell("state")["swallowed"] == {"read_queue_settings": 1}


async def test_what_an_executor_holds_and_does_not_know_is_handed_back(own_site: Site) -> None:
    options = {"executors": 1, "concurrency": 4, "transactional_concurrency": 1}
    with running_worker(own_site.url, own_site.trace, **options) as worker:
        executor_id = await own_site.connection.fetchval("select id from easyflow.executors where state = 'live'")
        # What it does know is not touched, however old: one runs, and one waits for the only session.
        known = await own_site.submit_all(job("test.write", {"seconds": seconds}) for seconds in (11, 0.1))
        await own_site.until_traced("wrote")
        unheard = await own_site.submit_all(job("test.keyed", queue="nobodys") for _ in range(3))
        rows = await claims.claim(
            own_site.connection,
            executor_id=executor_id,
            claim_id=uuid4(),
            tasks=["test.keyed"],
            max_jobs=3,
            intervals=Streams().intervals(["nobodys"]),
        )
        assert len(rows) == 3
        await own_site.connection.execute("update easyflow.leases set claimed_at = claimed_at - interval '1 minute'")
        for job_id in unheard:
            await own_site.until_state(job_id, "READY", seconds=25)
        assert [each["jobs"] for each in worker.said("claim.handed_back")] == [3]
        assert await own_site.until_ended(*known, seconds=40) == ["SUCCEEDED"] * 2
        assert worker.said("job.finish_rejected") == []
    for job_id in known:
        assert own_site.trace.count("start", job_id) == 1
        assert await own_site.outcomes(job_id) == ["succeeded"]
    for job_id in unheard:
        ticket = await own_site.ticket(job_id)
        assert [ticket[name] for name in COUNTERS] == [0, 0, 0]
        assert await own_site.outcomes(job_id) == []

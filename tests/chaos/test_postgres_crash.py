"""PostgreSQL is killed and comes back while a worker runs: every job takes effect exactly once."""

from __future__ import annotations

from easyflow.local.postgres import LocalPostgres
from tests.support.site import Site, job
from tests.support.worker import running_worker

JOBS = 500


async def test_no_job_is_lost_or_done_twice_when_postgresql_is_killed(
    own_server: LocalPostgres, own_site: Site
) -> None:
    with running_worker(own_site.url, own_site.trace) as worker:
        executors = worker.executors()
        ids = await own_site.submit_all(job("test.write", {"seconds": 0.02}) for _ in range(JOBS))
        for crash in range(1, 4):
            await own_site.until_traced("end", times=100 * crash)
            own_server.kill()
            assert own_server.restart_if_dead()
            await own_site.reconnect()
        assert set(await own_site.until_ended(*ids, seconds=40)) == {"SUCCEEDED"}
        assert worker.executors() == executors
        assert worker.said("executor.died") == worker.said("executor.killed") == []
    assert await own_site.effects_of_each() == dict.fromkeys(ids, 1)
    charged = await own_site.connection.fetchval(
        "select sum(retry_count + losses + unstarted) from easyflow.job_states"
    )
    assert charged == 0
    await own_site.assert_conserved()

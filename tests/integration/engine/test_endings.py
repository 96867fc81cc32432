"""What an attempt came to is recorded once, however the database behaves meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.support.site import Site, job
from tests.support.waiting import until
from tests.support.worker import Worker

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
async def second(site: Site) -> AsyncIterator[asyncpg.Connection]:
    """A second connection to the shared database."""
    connection = await asyncpg.connect(site.url)
    yield connection
    await connection.close()


async def cut_off(site: Site, name: str) -> int:
    """End all connections of one kind; how many there were."""
    rows = await site.connection.fetch(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and application_name = $1",
        name,
    )
    return len(rows)


async def test_an_ending_that_waits_for_the_database_is_not_past_its_deadline(
    site: Site, worker: Worker, second: asyncpg.Connection
) -> None:
    executors = worker.executors()
    async with second.transaction():
        await second.execute("lock table easyflow.finished in access exclusive mode")
        job_id = await site.submit("test.hasty")
        await site.until_traced("end", job_id)
        # Its deadline and the grace behind it were over after 0.8 s.
        await site.connection.execute("select pg_sleep(1.5)")
        assert worker.executors() == executors
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    assert await site.outcomes(job_id) == ["succeeded"]
    assert site.trace.count("start", job_id) == 1


async def test_endings_are_kept_while_the_database_refuses_to_write(site: Site, worker: Worker) -> None:
    name = urlsplit(site.url).path[1:]
    ids = await site.submit_all(job("test.pure", {"seconds": 0.5, "failures": n % 2}) for n in range(10))
    for job_id in ids:
        await site.until_traced("start", job_id)
    await site.connection.execute(f"alter database {name} set default_transaction_read_only = on")
    assert await cut_off(site, "easyflow finish") <= 2

    async def refused() -> bool:
        return any(each.get("loop") == "finish" for each in worker.said("loop.failed"))

    await until(10, refused)
    assert set((await site.states(ids)).values()) == {"RUNNING"}
    await site.connection.execute(f"alter database {name} reset default_transaction_read_only")
    assert set(await site.until_ended(*ids)) == {"SUCCEEDED"}
    for n, job_id in enumerate(ids):
        assert await site.outcomes(job_id) == ["retried", "succeeded"][1 - n % 2 :]
    assert {each["job_id"] for each in worker.said("job.ending_unstorable")}.isdisjoint(map(str, ids))
    await site.assert_conserved()


async def test_counts_stay_exact_while_connections_are_cut_off_again_and_again(site: Site) -> None:
    before = site.trace.count("end")
    ids = await site.submit_all(job("test.write", {"seconds": 0.01}) for _ in range(300))
    cut = 0
    for round_number in range(8):
        await site.until_traced("end", times=before + 20 * round_number)
        for name in ("easyflow finish", "easyflow claim", "easyflow lease", "easyflow housekeeping"):
            cut += await cut_off(site, name)
    assert set(await site.until_ended(*ids, seconds=30)) == {"SUCCEEDED"}
    assert cut >= 4
    effects = await site.effects_of_each()
    assert [effects.get(job_id) for job_id in ids] == [1] * 300
    charged = await site.connection.fetchval(
        "select sum(losses + retry_count) from easyflow.job_states where job_id = any ($1)", ids
    )
    assert charged == 0
    await site.assert_conserved()


async def test_jobs_are_found_by_polling_when_the_listener_is_cut_off(site: Site, worker: Worker) -> None:
    async def listens() -> bool:
        counted: int = await site.connection.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() "
            "and application_name = 'easyflow lease'"
        )
        return counted == 1

    await until(5, listens)  # an earlier test may have cut it off
    assert await cut_off(site, "easyflow lease") == 1
    ids = await site.submit_all(job("test.pure") for _ in range(5))
    assert set(await site.until_ended(*ids, seconds=5)) == {"SUCCEEDED"}
    await until(5, listens)
    assert len(worker.executors()) == 2

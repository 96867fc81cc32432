"""What a transactional handler writes is there exactly once: with its completion, or not at all."""

from __future__ import annotations

from uuid import UUID

import pytest

from easyflow.storage.rescue import Limits, rescue
from tests.support.site import Site, job
from tests.support.worker import Worker

pytestmark = pytest.mark.usefixtures("worker")


async def take_away(site: Site, job_id: UUID) -> None:
    """Take a running job away from its executor, as another worker does that believes the executor dead."""
    executor_id = await site.connection.fetchval("select executor_id from easyflow.leases where job_id = $1", job_id)
    assert await rescue(site.connection, [executor_id], lambda token: "unknown", Limits(3, 10))


async def test_a_stale_attempt_rolls_back_and_the_job_takes_effect_once(site: Site, worker: Worker) -> None:
    job_id = await site.submit("test.write", {"seconds": 0.5})
    await site.until_traced("wrote", job_id)
    await take_away(site, job_id)
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    rows = await site.connection.fetch("select lease_no from public.effects where job_id = $1", job_id)
    assert [row["lease_no"] for row in rows] == [2]
    assert await site.outcomes(job_id) == ["unstarted", "succeeded"]
    assert (site.trace.count("start", job_id), site.trace.count("end", job_id)) == (2, 2)
    (rejected,) = [each for each in worker.said("job.finish_rejected") if each["job_id"] == str(job_id)]
    assert rejected["lease_no"] == 1


@pytest.mark.parametrize("kind", ["commits", "commits below", "begins its own"])
async def test_a_handler_cannot_commit_whatever_way_it_tries(site: Site, kind: str) -> None:
    job_id = await site.submit("test.wrong_write", {"kind": kind})
    assert await site.until_ended(job_id) == ["FAILED"]
    letter = await site.dead_letter(job_id)
    assert letter is not None
    assert (letter["error_type"], letter["reason"]) == ("easyflow.errors.Misconfigured", "attempts exhausted")
    assert "EasyFlow commits it together with the job's completion" in letter["error_message"]
    assert await site.effects(job_id) == 0


async def test_a_savepoint_is_the_handlers_own_business(site: Site) -> None:
    job_id = await site.submit("test.wrong_write", {"kind": "savepoint"})
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    assert await site.effects(job_id) == 2


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("missing file", "FileNotFoundError"),
        ("timeout of its own", "TimeoutError"),
        ("wrong argument", "sqlalchemy.exc.DBAPIError"),
        ("refused at commit", "sqlalchemy.exc.IntegrityError"),
        ("swallows an error", "asyncpg.exceptions.InFailedSQLTransactionError"),
    ],
)
async def test_an_error_of_the_handlers_own_spends_its_attempts_and_leaves_nothing(
    site: Site, kind: str, error: str
) -> None:
    job_id = await site.submit("test.wrong_write", {"kind": kind})
    assert await site.until_ended(job_id) == ["FAILED"]
    assert await site.outcomes(job_id) == ["retried", "failed"]
    assert site.trace.count("start", job_id) == 2
    letter = await site.dead_letter(job_id)
    assert letter is not None
    assert letter["error_type"] == error
    assert await site.effects(job_id) == 0


async def test_a_connection_killed_under_a_handler_charges_nothing_and_the_job_takes_effect_once(site: Site) -> None:
    ids = await site.submit_all(job("test.write", {"seconds": 0.4}) for _ in range(4))
    for job_id in ids:
        await site.until_traced("wrote", job_id)
    await site.connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'easyflow transactional'"
    )
    assert await site.until_ended(*ids) == ["SUCCEEDED"] * 4
    for job_id in ids:
        assert site.trace.count("start", job_id) == 2
        assert await site.effects(job_id) == 1
        assert await site.outcomes(job_id) == ["succeeded"]
        ticket = await site.ticket(job_id)
        assert (ticket["retry_count"], ticket["losses"], ticket["unstarted"]) == (0, 0, 0)


async def test_a_job_cancelled_while_it_writes_leaves_nothing(site: Site) -> None:
    job_id = await site.submit("test.write", {"seconds": 5})
    await site.until_traced("wrote", job_id)
    assert await site.cancel(job_id) == "requested"
    assert await site.until_ended(job_id) == ["CANCELLED"]
    assert await site.effects(job_id) == 0
    assert await site.outcomes(job_id) == ["cancelled"]


async def test_a_job_cancelled_too_late_for_its_handler_leaves_nothing_either(site: Site) -> None:
    job_id = await site.submit("test.write_stubborn", {"seconds": 5})
    await site.until_traced("start", job_id)
    await site.cancel(job_id)
    assert await site.until_ended(job_id) == ["CANCELLED"]
    assert site.trace.count("swallowed", job_id) == 1
    assert await site.effects(job_id) == 0


async def test_a_task_that_is_not_transactional_has_no_session(site: Site) -> None:
    job_id = await site.submit("test.sessionless")
    assert await site.until_ended(job_id) == ["FAILED"]
    letter = await site.dead_letter(job_id)
    assert letter is not None
    assert "test.sessionless has no ctx.session: declare effects='transactional'" in letter["error_message"]


async def test_more_jobs_than_sessions_all_take_effect_once(site: Site) -> None:
    ids = await site.submit_all(job("test.write") for _ in range(200))
    assert set(await site.until_ended(*ids)) == {"SUCCEEDED"}
    effects = await site.effects_of_each()
    assert [effects.get(job_id) for job_id in ids] == [1] * 200
    await site.assert_conserved()

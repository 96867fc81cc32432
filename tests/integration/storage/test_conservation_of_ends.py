"""The check of the data sees each way in which the end of a job can disagree with its attempts, effects and leases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from easyflow.domain.states import Effects
from easyflow.storage import in_doubt, workers
from easyflow.storage.conservation import check_data
from easyflow.storage.effects import Intent, open_intents
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import DONE, DOUBT, FAILED, RETRY, claim, end, run_through, start_executor, submit, ticket

Plant = Callable[[Connection], Awaitable[UUID]]


async def doubtful(database: Connection) -> UUID:
    """A job that is IN_DOUBT with an open effect."""
    (job_id,) = await submit(database, ticket())
    (row,) = await claim(database)
    token, lease = row["claim_token"], row["lease_no"]
    intent = Intent(job_id, token, lease, 1, "charge", Effects.UNSAFE, f"{job_id}.1.c0ffee00", b"\0" * 32, None)
    assert (await open_intents(database, [intent]))[0]["held"]
    await end(database, [row], DOUBT)
    return job_id


async def settle(database: Connection, job_id: UUID, **said: object) -> None:
    async with database.transaction():
        facts = {"outcome": "happened", "seen_version": 1, "reason": "seen at the bank", "actor": "ann", **said}
        await in_doubt.settle(database, job_id, **facts)  # type: ignore[arg-type]


async def kinds(database: Connection, *, at_rest: bool = False) -> list[tuple[str, str]]:
    checked = await check_data(database, at_rest=at_rest)
    return [(each.kind, each.about) for each in checked.breaches]


async def test_every_way_of_ending_that_there_is_is_right(connect: Connect) -> None:
    database = await connect()
    await run_through(database, DONE)
    await run_through(database, FAILED)
    await doubtful(database)
    await settle(database, await doubtful(database), complete=True)
    await settle(database, await doubtful(database), outcome="failed")
    await settle(database, await doubtful(database))
    again = await run_through(database, FAILED, max_attempts=1)
    await acts.replay(database, again, seen_version=1, payload=None, actor="ann", reason="again")
    executor = await start_executor(database)
    await end(database, await claim(database, executor_id=executor), FAILED)
    cancelled = await submit(database, ticket())
    claimed = await claim(database)
    await database.execute("update easyflow.leases set cancel_requested = true where job_id = $1", cancelled[0])
    await end(database, claimed, DONE)
    await submit(database, ticket())
    await claim(database, executor_id=executor)
    assert await kinds(database) == await kinds(database, at_rest=True) == []


async def repeated(database: Connection) -> UUID:
    job_id = await run_through(database, DONE)
    await database.execute(
        "insert into easyflow.attempts (job_id, lease_no, executor_id, claimed_at, finished_at, outcome) "
        "select job_id, 2, executor_id, now(), now(), 'succeeded' from easyflow.attempts where job_id = $1",
        job_id,
    )
    return job_id


async def repeated_by_going_on(database: Connection) -> UUID:
    job_id = await run_through(database, RETRY)
    await database.execute("update easyflow.attempts set outcome = 'succeeded' where job_id = $1", job_id)
    return job_id


async def unearned(database: Connection) -> UUID:
    job_id = await run_through(database, DONE)
    await database.execute("delete from easyflow.attempts where job_id = $1", job_id)
    return job_id


async def unearned_behind_an_older_doubt(database: Connection) -> UUID:
    job_id = await doubtful(database)
    await settle(database, job_id, complete=True)
    await database.execute("update easyflow.finished set lease_no = 2 where job_id = $1", job_id)
    return job_id


async def unsettled(database: Connection) -> UUID:
    job_id = await doubtful(database)
    await settle(database, job_id, complete=True)
    await database.execute("update easyflow.effects set state = 'open', closed_at = null where job_id = $1", job_id)
    return job_id


async def overspent(database: Connection) -> UUID:
    (job_id,) = await submit(database, ticket(max_attempts=2))
    for outcome in (RETRY, RETRY, DONE):
        await end(database, await claim(database), outcome)
        await database.execute(
            "with back as (delete from easyflow.parked where job_id = $1 returning *) insert into easyflow.ready "
            "(job_id, ready_at, lease_no, priority, lane, queue, task) "
            "select job_id, now(), lease_no, priority, 1, queue, task from back",
            job_id,
        )
    return job_id


async def groundless(database: Connection) -> UUID:
    job_id = await doubtful(database)
    await database.execute("delete from easyflow.effects where job_id = $1", job_id)
    await database.execute("delete from easyflow.job_events where job_id = $1", job_id)
    return job_id


async def stranded(database: Connection) -> UUID:
    dead = await start_executor(database)
    (job_id,) = await submit(database, ticket())
    await claim(database, executor_id=dead)
    await database.execute("update easyflow.executors set lease_until = now() - interval '2 minutes'")
    await start_executor(database)
    return job_id


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (repeated, "repeated"),
        (repeated_by_going_on, "repeated"),
        (unearned, "unearned"),
        (unearned_behind_an_older_doubt, "unearned"),
        (unsettled, "unsettled"),
        (overspent, "overspent"),
        (groundless, "groundless"),
        (stranded, "stranded"),
    ],
)
async def test_one_breach_is_found_and_named(connect: Connect, plant: Plant, kind: str) -> None:
    database = await connect()
    for outcome in (DONE, FAILED):
        await run_through(database, outcome)
    about = await plant(database)
    assert await kinds(database) == [(kind, str(about))]


async def test_a_doubt_needs_an_open_effect_or_a_reason_but_not_both(connect: Connect) -> None:
    database = await connect()
    with_effect, with_reason = await doubtful(database), await doubtful(database)
    await database.execute("delete from easyflow.job_events where job_id = $1", with_effect)
    await database.execute("delete from easyflow.effects where job_id = $1", with_reason)
    assert await kinds(database) == []
    await database.execute("update easyflow.job_events set reason = '' where job_id = $1", with_reason)
    assert await kinds(database) == [("groundless", str(with_reason))]
    await database.execute("update easyflow.effects set state = 'happened', closed_at = now()")
    assert await kinds(database) == [("groundless", str(with_effect)), ("groundless", str(with_reason))]


async def test_a_lease_without_a_live_executor_is_wrong_only_when_somebody_should_have_taken_it_back(
    connect: Connect,
) -> None:
    database = await connect()
    executor = await start_executor(database)
    (job_id,) = await submit(database, ticket())
    await claim(database, executor_id=executor)
    assert await kinds(database, at_rest=True) == []
    await workers.retire(database, executor)
    assert await kinds(database) == []
    assert await kinds(database, at_rest=True) == [("stranded", str(job_id))]
    await database.execute("update easyflow.executors set lease_until = now() - interval '2 minutes'")
    assert await kinds(database) == []
    await start_executor(database)
    assert await kinds(database) == [("stranded", str(job_id))]

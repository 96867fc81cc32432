"""Claiming behind a cursor: what it leaves behind until the rescan, and what it must find without one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from easyflow.storage import enqueue
from easyflow.storage.sql import Connection, statement
from easyflow.storage.streams import Streams
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import BACK, RETRY, claim, end, submit, submit_many, ticket
from tests.support.mutations import mutated

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


async def ids(connection: Connection, max_jobs: int, streams: Streams) -> list[UUID]:
    return [row["job_id"] for row in await claim(connection, max_jobs, streams=streams)]


async def test_a_claim_goes_on_behind_the_last_one(connect: Connect) -> None:
    connection = await connect()
    streams = Streams()
    given = await submit_many(connection, 6)
    assert await ids(connection, 4, streams) == given[:4]
    given += await submit_many(connection, 2)
    assert await ids(connection, 10, streams) == given[4:]


async def test_a_job_that_commits_late_waits_for_the_rescan(connect: Connect) -> None:
    slow, quick = await connect(), await connect()
    streams = Streams()
    held = slow.transaction()
    await held.start()
    late = (await enqueue.store(slow, [ticket()])).ids
    early = await submit_many(quick, 1)
    assert await ids(quick, 10, streams) == early
    await held.commit()
    assert await ids(quick, 10, streams) == []
    streams.forget()
    assert await ids(quick, 10, streams) == late


async def test_a_more_urgent_priority_behind_the_cursor_needs_no_rescan(connect: Connect) -> None:
    connection = await connect()
    streams = Streams()
    await submit(connection, ticket(priority=5), ticket(priority=7))
    assert len(await ids(connection, 10, streams)) == 2
    urgent, between, last = await submit(connection, ticket(priority=-100), ticket(priority=6), ticket(priority=32_767))
    assert await ids(connection, 10, streams) == [urgent, between, last]


async def test_what_is_handed_back_comes_before_what_is_new_and_needs_no_rescan(connect: Connect) -> None:
    connection = await connect()
    streams = Streams()
    first, second, third = await submit_many(connection, 3)
    claimed = await claim(connection, 2, streams=streams)
    await end(connection, claimed, BACK)
    assert await ids(connection, 10, streams) == [first, second, third]


async def test_what_waited_for_a_retry_comes_before_what_is_new(connect: Connect) -> None:
    connection = await connect()
    streams = Streams()
    retried, _ = await submit_many(connection, 2)
    await end(connection, await claim(connection, 1, streams=streams), RETRY)
    await submit_many(connection, 1)
    await statement("promote_jobs").fetch(connection, after=LONG_AGO, max_jobs=10)
    assert (await ids(connection, 10, streams))[0] == retried


async def test_a_job_started_early_comes_before_what_is_new(connect: Connect) -> None:
    connection = await connect()
    streams = Streams()
    (waiting,) = await submit(connection, ticket(delay_seconds=3600.0))
    (new,) = await submit_many(connection, 1)
    await acts.run_now(connection, waiting, actor="ann", reason="now")
    assert await ids(connection, 10, streams) == [waiting, new]


async def test_a_returned_job_keeps_its_priority(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, ticket(priority=5))
    await end(connection, await claim(connection), BACK)
    (urgent,) = await submit(connection, ticket(priority=1))
    assert (await ids(connection, 1, Streams())) == [urgent]


async def test_without_lanes_a_returned_job_would_wait_behind_everything_new(connect: Connect) -> None:
    connection = await connect()
    streams = Streams()
    (first, *_) = await submit_many(connection, 3)
    claimed = await claim(connection, 1, streams=streams)
    with mutated("hand_back_jobs", ("0, ordered, queue", "1, ordered, queue")):
        await end(connection, claimed, BACK)
    assert (await ids(connection, 10, streams))[-1] == first


async def test_the_cursor_of_one_queue_is_not_that_of_another(connect: Connect) -> None:
    connection = await connect()
    streams = Streams()
    await submit(connection, *(ticket(queue="a") for _ in range(2)))
    assert len(await claim(connection, 10, queues="a", streams=streams)) == 2
    await submit(connection, ticket(queue="b"))
    assert len(await claim(connection, 10, queues="ab", streams=streams)) == 1

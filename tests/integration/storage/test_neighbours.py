"""Whatever is done to one thing leaves the thing beside it alone: jobs, claims, keys, queues, executors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from easyflow.domain.outcome import PutBack
from easyflow.storage import in_doubt, leases, workers
from easyflow.storage.admission import admit
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import (
    DONE,
    DOUBT,
    FAILED,
    FAULT,
    claim,
    end,
    ending,
    key,
    ordered,
    outcomes,
    place,
    ready,
    running,
    scheduled,
    start_executor,
    stop_clock,
    submit,
    submit_many,
    ticket,
    ticket_of,
)
from tests.support.intents import open_effect
from tests.support.interleave import Stage

TABLES = ("ready", "leases", "parked", "finished", "attempts", "effects", "dead_letters", "results", "job_events")
AGAIN = PutBack("retried", 0.0, FAULT)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

Place = Callable[[Connection], Awaitable[UUID]]
Do = Callable[[Connection, UUID], Awaitable[object]]


async def told_of(connection: Connection, job_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """Every row there is about a job."""
    found = {}
    for table in TABLES:
        rows = await connection.fetch(f"select * from easyflow.{table} where job_id = $1 order by 1", job_id)
        found[table] = [dict(row) for row in rows]
    return found


async def in_doubt_since_its_second_attempt(connection: Connection) -> UUID:
    """A job whose first attempt went well enough to be repeated: its version is 2."""
    job_id = await ready(connection)
    await end(connection, await claim(connection), AGAIN)
    await acts.run_now(connection, job_id)
    (row,) = await claim(connection)
    await open_effect(connection, row)
    await end(connection, [row], DOUBT)
    return job_id


async def doubtful(connection: Connection) -> UUID:
    job_id = await ready(connection)
    (row,) = await claim(connection)
    await open_effect(connection, row)
    await end(connection, [row], DOUBT)
    return job_id


async def failed(connection: Connection) -> UUID:
    job_id = await ready(connection)
    await end(connection, await claim(connection), FAILED)
    return job_id


async def failed_twice(connection: Connection) -> UUID:
    """A dead letter of version 3."""
    job_id = await failed(connection)
    await acts.replay(connection, job_id, seen_version=1, payload=None, actor="ann", reason="again")
    await end(connection, await claim(connection), FAILED)
    return job_id


def settling(outcome: Any, **more: Any) -> Do:
    async def settle(connection: Connection, job_id: UUID) -> None:
        async with connection.transaction():
            await in_doubt.settle(
                connection, job_id, outcome=outcome, seen_version=1, reason="asked", actor="ann", **more
            )

    return settle


ACTS: dict[str, tuple[Place, Place, Do]] = {
    "cancel of a ready job": (ready, ready, acts.cancel),
    "cancel of a scheduled job": (scheduled, scheduled, acts.cancel),
    "cancel of a running job": (running, running, acts.cancel),
    "cancel of a job in doubt": (in_doubt_since_its_second_attempt, doubtful, acts.cancel),
    "run now": (scheduled, scheduled, acts.run_now),
    "it happened": (in_doubt_since_its_second_attempt, doubtful, settling("happened")),
    "it happened and is all": (in_doubt_since_its_second_attempt, doubtful, settling("happened", complete=True)),
    "it did not happen": (in_doubt_since_its_second_attempt, doubtful, settling("did_not_happen")),
    "it failed": (in_doubt_since_its_second_attempt, doubtful, settling("failed")),
    "replay": (
        failed_twice,
        failed,
        lambda connection, job_id: acts.replay(
            connection, job_id, seen_version=1, payload=None, actor="ann", reason="again"
        ),
    ),
    "discard": (
        failed_twice,
        failed,
        lambda connection, job_id: acts.discard(connection, job_id, seen_version=1, actor="ann", reason="enough"),
    ),
}


@pytest.mark.parametrize("act", ACTS)
async def test_an_act_on_one_job_leaves_those_beside_it_as_they_are(connect: Connect, act: str) -> None:
    connection = await connect()
    beside, alike, do = ACTS[act]
    older, job_id, younger = await beside(connection), await alike(connection), await alike(connection)
    before = [await told_of(connection, each) for each in (older, younger)]
    own = await told_of(connection, job_id)
    await do(connection, job_id)
    assert [await told_of(connection, each) for each in (older, younger)] == before
    assert await told_of(connection, job_id) != own


async def test_who_asks_second_for_the_cancel_of_a_running_job_is_told_so(connect: Connect) -> None:
    ann, bob = await Stage(connect).actors("ann", "bob")
    job_id = await running(ann.connection)
    async with ann.connection.transaction():
        (first,) = await statement("request_cancel").fetch(ann.connection, job_id=job_id)
        step = await bob.start(statement("request_cancel").fetch(bob.connection, job_id=job_id))
        assert step.blocked
    (second,) = await step.result()
    assert (first["already"], second["already"]) == (False, True)


async def test_an_executor_that_is_retired_or_renewed_is_the_one_that_was_named(connect: Connect) -> None:
    connection = await connect()
    await stop_clock(connection, NOON)
    worker_id, other_id = uuid4(), uuid4()
    named, beside = [await start_executor(connection, 15.0, worker_id) for _ in range(2)]
    for each in (worker_id, other_id):
        await workers.register(connection, each, host="here", pid=1, version="0", queues=[], tasks=[])
    await stop_clock(connection, NOON + timedelta(seconds=5))
    assert await workers.renew(connection, worker_id, [named], 15.0) == {named}
    leases = await connection.fetch("select id, lease_until from easyflow.executors")
    assert {row["id"]: row["lease_until"] for row in leases} == {
        named: NOON + timedelta(seconds=20),
        beside: NOON + timedelta(seconds=15),
    }
    seen = await connection.fetch("select id, seen_at from easyflow.workers")
    assert {row["id"]: row["seen_at"] for row in seen} == {worker_id: NOON + timedelta(seconds=5), other_id: NOON}
    retired = [await statement("retire_executor").fetch(connection, executor_id=beside) for _ in range(2)]
    assert [[row["id"] for row in each] for each in retired] == [[beside], []]
    states = await connection.fetch("select id, state from easyflow.executors")
    assert {row["id"]: row["state"] for row in states} == {named: "live", beside: "dead"}
    await stop_clock(connection, NOON + timedelta(hours=1))
    assert await workers.retire_expired(connection) == [named]
    assert await workers.retire_expired(connection) == []


async def test_locks_and_looks_find_what_was_named_and_nothing_beside_it(connect: Connect) -> None:
    connection = await connect()
    executors, claims = [uuid4(), uuid4()], [uuid4(), uuid4()]
    await submit_many(connection, 2)
    await submit_many(connection, 1, queue="other")
    rows = [
        (await claim(connection, executor_id=executor_id, claim_id=claim_id, queues=[queue]))[0]
        for executor_id, claim_id, queue in zip(
            [*executors, executors[0]], [*claims, claims[1]], ["default", "default", "other"], strict=True
        )
    ]
    ids, tokens = [row["job_id"] for row in rows], [row["claim_token"] for row in rows]
    found = await statement("read_claims").fetch(connection, executor_id=executors[0], claim_ids=[claims[0]])
    assert [row["job_id"] for row in found] == ids[:1]
    found = await statement("lock_claims").fetch(connection, job_ids=ids[:2], claim_tokens=tokens[1:])
    assert [row["job_id"] for row in found] == ids[1:2]
    found = await statement("lock_lost_leases").fetch(connection, executor_ids=executors[:1], max_jobs=9)
    assert {row["job_id"] for row in found} == {ids[0], ids[2]}
    assert len(await statement("lock_lost_leases").fetch(connection, executor_ids=executors, max_jobs=2)) == 2
    counted = await statement("count_leases").fetchrow(connection, queue="other")
    assert counted is not None
    assert counted["running"] == 1


async def test_a_key_and_a_queue_are_locked_by_their_whole_names(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, ordered(), ordered("another"), ordered(queue="other"), ticket(key="k", ordered=False))
    wanted = key(in_order=True)
    await admit(connection, [wanted, key("another", in_order=True), key(in_order=True, queue="other"), key()])
    found = await statement("lock_keys").fetch(connection, queues=[wanted[0]], keys=[wanted[1]], ordered=[wanted[2]])
    assert [tuple(row) for row in found] == [("default", "k", True)]
    await acts.change_queue(connection, "other", actor="ann", concurrency=7)
    await acts.change_queue(connection, "default", actor="ann", concurrency=3)
    for name, limit in (("default", 3), ("other", 7)):
        queue = await statement("lock_queue").fetchrow(connection, queue=name)
        assert queue is not None
        assert queue["concurrency"] == limit


async def test_a_promotion_begins_where_it_is_told_to(connect: Connect) -> None:
    connection = await connect()
    await stop_clock(connection, NOON - timedelta(hours=1))
    _, second, third = await submit(connection, *(ticket(run_at=NOON + timedelta(minutes=n)) for n in range(3)))
    await stop_clock(connection, NOON + timedelta(hours=1))
    moved = await statement("promote_jobs").fetch(connection, after=NOON + timedelta(minutes=1), max_jobs=9)
    assert {row["job_id"] for row in moved} == {second, third}
    assert len(await statement("promote_jobs").fetch(connection, after=LONG_AGO, max_jobs=9)) == 1


async def test_a_rescue_charges_the_live_claim_and_not_a_stale_one_beside_it(connect: Connect) -> None:
    connection = await connect()
    (job_id,) = await submit(connection, ticket())
    (old,) = await claim(connection)
    await statement("hand_back_jobs").fetch(connection, job_ids=[job_id], claim_tokens=[old["claim_token"]])
    (present,) = await claim(connection)
    said: dict[str, list[Any]] = {
        "job_ids": [job_id] * 2,
        "claim_tokens": [old["claim_token"], present["claim_token"]],
        "loss_charges": [1, 0],
        "unstarted_charges": [0, 1],
    }
    stale = {name: values[:1] for name, values in said.items()}
    assert await statement("rescue_jobs").fetch(connection, **stale) == []
    assert await place(connection, job_id) == "RUNNING"
    moved: list[asyncpg.Record] = await statement("rescue_jobs").fetch(connection, **said)
    assert [(row["job_id"], row["state"]) for row in moved] == [(job_id, "READY")]
    found = await ticket_of(connection, job_id)
    assert (found["losses"], found["unstarted"]) == (0, 1)
    assert await outcomes(connection, job_id) == ["unstarted"]
    (present,) = await claim(connection)
    assert await acts.cancel(connection, job_id) == "requested"
    said["claim_tokens"][1] = present["claim_token"]
    moved = await statement("rescue_jobs").fetch(connection, **said)
    assert [(row["job_id"], row["state"]) for row in moved] == [(job_id, "CANCELLED")]
    assert (await ticket_of(connection, job_id))["unstarted"] == 2


async def test_a_suspect_that_is_acquitted_gets_its_loss_back_and_its_neighbour_keeps_its_own(connect: Connect) -> None:
    connection = await connect()
    executor_id = await start_executor(connection)
    ids = await submit_many(connection, 2)
    await claim(connection, 2, executor_id=executor_id)
    await workers.retire(connection, executor_id)
    await rescue(connection, [executor_id], lambda token: "started", Limits(3, 10))
    acquitted, other = await claim(connection, 2)
    endings = [ending(acquitted, DONE), ending(other, DONE)]
    endings[0].acquitted = True
    assert len(await leases.end(connection, uuid4(), endings)) == 2
    losses = {each: (await ticket_of(connection, each))["losses"] for each in ids}
    assert losses == {acquitted["job_id"]: 0, other["job_id"]: 1}

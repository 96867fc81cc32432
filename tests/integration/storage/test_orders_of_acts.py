"""Operators, submitters, promoters and admissions: every order of their statements, and one that goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest

from easyflow.errors import Conflict, Stale
from easyflow.storage import enqueue, jobs
from easyflow.storage.admission import admit, keys_of
from easyflow.storage.database import committed
from easyflow.storage.enqueue import Stored
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import (
    FAILED,
    RETRY,
    birthday,
    claim,
    concurrent,
    end,
    key,
    place,
    stop_clock,
    submit,
    ticket,
    ticket_of,
)
from tests.support.orders import (
    Act,
    Pair,
    Scene,
    Stepped,
    assert_every_order_holds,
    assert_some_order_breaks,
    unguarded_by,
)

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
UNLOCKED = ("lock_keys", "for update of k", "")


class RolledBack(Exception):
    """A submitter gives its transaction up."""


async def failed_job(home: Connection, queue: str) -> UUID:
    """A job that is FAILED, its dead letter at version 1."""
    (job_id,) = await submit(home, ticket(queue=queue))
    await end(home, await claim(home, queues=[queue]), FAILED)
    return job_id


async def due_job(home: Connection, queue: str, **facts: Any) -> UUID:
    """A job that waits for its retry, which is due."""
    (job_id,) = await submit(home, ticket(queue=queue, **facts))
    if facts:
        await admit(home, [key(queue=queue)])
    await end(home, await claim(home, queues=[queue]), RETRY)
    return job_id


def replaying(job_id: UUID) -> Act:
    said = {"seen_version": 1, "payload": None, "actor": "ann", "reason": "the bank is back"}
    return lambda connection: acts.replay(connection, job_id, **said)


def discarding(job_id: UUID) -> Act:
    return lambda connection: acts.discard(connection, job_id, seen_version=1, actor="bob", reason="paid by hand")


async def promote(connection: Connection) -> list[asyncpg.Record]:
    async with committed(connection):
        return await statement("promote_jobs").fetch(connection, after=LONG_AGO, max_jobs=100)


async def two_replays(home: Connection, n: int) -> Scene:
    job_id = await failed_job(home, f"q{n}")

    async def check(said: dict[str, Any]) -> None:
        kinds = sorted(type(each).__name__ for each in said.values())
        assert kinds == ["Stale", "str"], kinds
        assert (await ticket_of(home, job_id))["replay_no"] == 1

    return Scene({"ann": replaying(job_id), "bob": replaying(job_id)}, check)


async def a_replay_and_a_discard(home: Connection, n: int) -> Scene:
    job_id = await failed_job(home, f"q{n}")

    async def check(said: dict[str, Any]) -> None:
        replayed, discarded = isinstance(said["ann"], str), isinstance(said["bob"], int)
        assert replayed != discarded, f"replayed: {replayed}, discarded: {discarded}"
        assert isinstance(said["bob" if replayed else "ann"], Stale)
        letter = await home.fetchval("select state from easyflow.dead_letters where job_id = $1", job_id)
        assert (await place(home, job_id), letter) == (("READY", "replayed") if replayed else ("FAILED", "discarded"))

    return Scene({"ann": replaying(job_id), "bob": discarding(job_id)}, check)


async def three_submits_of_one_key(home: Connection, n: int) -> Scene:
    given = {name: ticket(queue=f"q{n}", idempotency_key=f"key-{n}") for name in ("gives up", "one", "other")}

    def submitting(name: str) -> Act:
        async def act(connection: Connection) -> Stored:
            async with committed(connection):
                stored = await enqueue.store(connection, [given[name]])
                if name == "gives up":
                    raise RolledBack
                return stored

        return act

    async def check(said: dict[str, Any]) -> None:
        made = await home.fetch("select id from easyflow.jobs where queue = $1", f"q{n}")
        told = {said["one"].ids[0], said["other"].ids[0]}
        assert [row["id"] for row in made] == list(told), f"{len(made)} jobs, told of {len(told)}"

    return Scene({name: submitting(name) for name in given}, check)


async def a_promotion_and_a_cancel(home: Connection, n: int) -> Scene:
    job_id = await due_job(home, f"q{n}")

    async def check(said: dict[str, Any]) -> None:
        assert said["operator"] == "cancelled", said["operator"]
        assert await place(home, job_id) == "CANCELLED"

    return Scene({"promoter": promote, "operator": lambda connection: acts.cancel(connection, job_id)}, check)


async def a_promotion_and_a_start_by_hand(home: Connection, n: int) -> Scene:
    job_id = await due_job(home, f"q{n}", key="k", ordered=False)
    await submit(home, concurrent(queue=f"q{n}"))
    await admit(home, [key(queue=f"q{n}")])

    async def check(said: dict[str, Any]) -> None:
        promoted = job_id in {row["job_id"] for row in said["promoter"]}
        assert promoted == isinstance(said["operator"], Conflict), "both moved it, or neither"
        assert await place(home, job_id) == "BLOCKED"

    return Scene({"promoter": promote, "operator": lambda connection: acts.run_now(connection, job_id)}, check)


async def a_finish_and_a_submit_of_one_key(home: Connection, n: int) -> Scene:
    queue = f"q{n}"
    await submit(home, concurrent(queue=queue))
    await admit(home, [key(queue=queue)])
    claimed = await claim(home, queues=[queue])
    waiting = concurrent(queue=queue)

    async def finish(connection: Connection) -> None:
        async with committed(connection):
            await admit(connection, keys_of(await end(connection, claimed)))

    async def submit_one(connection: Connection) -> None:
        async with committed(connection):
            await enqueue.store(connection, [waiting])
        await admit(connection, [key(queue=queue)])

    async def check(said: dict[str, Any]) -> None:
        assert [each for each in said.values() if each] == []
        assert await place(home, waiting.id) == "READY"

    return Scene({"worker": finish, "submitter": submit_one}, check)


async def two_admissions_and_a_late_submit(home: Connection, n: int) -> Scene:
    """The late one has its place in the line already; the count must not be older than the lock."""
    queue = f"q{n}"
    await admit(home, [key(queue=queue)])
    (quick,) = await submit(home, concurrent(queue=queue))
    await home.execute("update easyflow.parked set blocked_seq = blocked_seq + 1000 where job_id = $1", quick)

    async def commit(connection: Connection) -> None:
        stepped = cast("Stepped", connection)
        async with stepped.at_once.transaction():
            await enqueue.store(stepped.at_once, [concurrent(queue=queue)])
            await stepped.turn("commit")

    def admission(connection: Connection) -> Any:
        return admit(connection, [key(queue=queue)])

    async def check(said: dict[str, Any]) -> None:
        await admit(home, [key(queue=queue)])
        ready = await home.fetchval("select count(*) from easyflow.ready where queue = $1", queue)
        assert ready == 1, f"{ready} at once, the limit is 1"

    return Scene({"one": admission, "other": admission, "late submitter": commit}, check)


async def two_makers_of_days(home: Connection, n: int) -> Scene:
    await stop_clock(home, await birthday(home))

    async def make(connection: Connection) -> int:
        async with committed(connection):
            row = await statement("create_partitions").fetchrow(connection, days_ahead=8 + n)
            assert row is not None
            return int(row["created"])

    async def check(said: dict[str, Any]) -> None:
        assert [each for each in said.values() if isinstance(each, Exception)] == []
        assert min(said.values()) == 0 < max(said.values())

    return Scene({"one": make, "other": make}, check)


@asynccontextmanager
async def looking_once(home: Connection) -> AsyncIterator[None]:
    """A cancel that does not look again for a job that moved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "LOOKS", 1)
        yield


@asynccontextmanager
async def makers_of_days_who_do_not_wait(home: Connection) -> AsyncIterator[None]:
    """The function without its lock; it goes with the test's database."""
    made = await home.fetchval("select pg_get_functiondef('easyflow.create_partitions'::regproc)")
    lock = "perform pg_advisory_xact_lock("
    assert lock in made
    await home.execute(made.replace(lock, "perform abs("))
    yield


PAIRS = (
    Pair("replay x replay", two_replays, unguarded_by(("lock_dead_letter", "for update", ""))),
    Pair("replay x discard", a_replay_and_a_discard, unguarded_by(("lock_dead_letter", "for update", ""))),
    Pair(
        "submit x submit x submit that rolls back",
        three_submits_of_one_key,
        unguarded_by(
            ("take_keys", "on conflict do nothing", "on conflict (kind, key) do update set created_at = now()")
        ),
    ),
    Pair("promote x cancel", a_promotion_and_a_cancel, looking_once),
    Pair(
        "run now x promote",
        a_promotion_and_a_start_by_hand,
        unguarded_by(("run_job_now", "and state = 'SCHEDULED'", "")),
    ),
    Pair("finish x submit, each with its admission", a_finish_and_a_submit_of_one_key, unguarded_by(UNLOCKED)),
    Pair("admission x admission x late submit", two_admissions_and_a_late_submit, unguarded_by(UNLOCKED)),
    Pair("days x days", two_makers_of_days, makers_of_days_who_do_not_wait),
)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
async def test_in_every_order_the_invariant_holds(connect: Connect, pair: Pair) -> None:
    await assert_every_order_holds(connect, pair)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
async def test_without_its_guard_some_order_breaks_it(connect: Connect, pair: Pair) -> None:
    await assert_some_order_breaks(connect, pair)

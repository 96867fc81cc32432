"""Workers, rescuers and who cancels: every order of their statements, and one that goes wrong without the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from easyflow.domain.outcome import Outcome
from easyflow.errors import Conflict
from easyflow.storage import jobs, workers
from easyflow.storage.database import committed
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import (
    BACK,
    DONE,
    DOUBT,
    FAILED,
    RETRY_LATER,
    claim,
    end,
    outcomes,
    place,
    start_executor,
    submit,
    submit_many,
    ticket,
    ticket_of,
)
from tests.support.orders import Act, Pair, Scene, assert_every_order_holds, assert_some_order_breaks, unguarded_by

SetUp = Callable[[Connection, int], Awaitable[Scene]]
TOKEN = "and claim_token = any ($2::uuid[])"


def claiming(queue: str, executor_id: UUID | None = None) -> Act:
    async def act(connection: Connection) -> list[asyncpg.Record]:
        async with committed(connection):
            return await claim(connection, queues=[queue], executor_id=executor_id)

    return act


def ending(row: asyncpg.Record, outcome: Outcome = DONE) -> Act:
    async def act(connection: Connection) -> list[asyncpg.Record]:
        async with committed(connection):
            return await end(connection, [row], outcome)

    return act


def rescuing(executor_id: UUID) -> Act:
    return lambda connection: rescue(connection, [executor_id], lambda token: "started", Limits(3, 10))


def cancelling(job_id: UUID) -> Act:
    return lambda connection: acts.cancel(connection, job_id)


async def lost_job(home: Connection, queue: str) -> tuple[UUID, asyncpg.Record]:
    """A job held by an executor that was declared dead: the executor, and the claim."""
    executor_id = await start_executor(home)
    await submit(home, ticket(queue=queue))
    (row,) = await claim(home, queues=[queue], executor_id=executor_id)
    await workers.retire(home, executor_id)
    return executor_id, row


async def sweep(home: Connection) -> None:
    """What a rescuer passed over it finds at its next turn."""
    holders = await workers.dead_holders(home)
    if holders:
        await rescue(home, holders, lambda token: "started", Limits(3, 10))


async def two_claims(home: Connection, n: int) -> Scene:
    given = await submit_many(home, 2, queue=f"q{n}")

    async def check(said: dict[str, Any]) -> None:
        taken = [row["job_id"] for rows in said.values() for row in rows]
        assert sorted(taken) == sorted(given), f"claimed {len(set(taken))} of 2 jobs, {len(taken)} times"

    return Scene({"one": claiming(f"q{n}"), "other": claiming(f"q{n}")}, check)


def an_end_and_a_rescue(outcome: Outcome, state: str, told: str) -> SetUp:
    """The last words of an executor beside the rescue of its job, which another one claims at once."""

    async def set_up(home: Connection, n: int) -> Scene:
        executor_id, row = await lost_job(home, f"q{n}")

        async def take_over(connection: Connection) -> list[asyncpg.Record]:
            await rescuing(executor_id)(connection)
            return await claim(connection, queues=[f"q{n}"])

        async def check(said: dict[str, Any]) -> None:
            ended, taken = bool(said["worker"]), bool(said["rescuer"])
            assert ended != taken, "a stale word was accepted" if taken else "nobody has the job"
            assert await place(home, row["job_id"]) == (state if ended else "RUNNING")
            assert await outcomes(home, row["job_id"]) == [told if ended else "lost"]

        return Scene({"worker": ending(row, outcome), "rescuer": take_over}, check)

    return set_up


def an_end_and_a_cancel(outcome: Outcome, state: str) -> SetUp:
    """The end of an attempt beside a cancel: what was acknowledged holds."""

    async def set_up(home: Connection, n: int) -> Scene:
        await submit(home, ticket(queue=f"q{n}"))
        (row,) = await claim(home, queues=[f"q{n}"])

        async def check(said: dict[str, Any]) -> None:
            too_late = isinstance(said["operator"], Conflict)
            assert too_late or said["operator"] in ("requested", "cancelled"), said["operator"]
            assert await place(home, row["job_id"]) == (state if too_late else "CANCELLED")

        return Scene({"worker": ending(row, outcome), "operator": cancelling(row["job_id"])}, check)

    return set_up


async def a_renewal_and_the_end_of_the_lease(home: Connection, n: int) -> Scene:
    worker_id = uuid4()
    executor_id = await start_executor(home, -1.0, worker_id)

    async def renew(connection: Connection) -> set[UUID]:
        async with committed(connection):
            return await workers.renew(connection, worker_id, [executor_id], 15.0)

    async def retire(connection: Connection) -> list[UUID]:
        async with committed(connection):
            return await workers.retire_expired(connection)

    async def check(said: dict[str, Any]) -> None:
        renewed, retired = executor_id in said["supervisor"], executor_id in said["rescuer"]
        assert renewed != retired, f"renewed: {renewed}, declared dead: {retired}"

    return Scene({"supervisor": renew, "rescuer": retire}, check)


async def a_claim_and_its_executors_end(home: Connection, n: int) -> Scene:
    executor_id = await start_executor(home)
    (job_id,) = await submit(home, ticket(queue=f"q{n}"))

    async def bury(connection: Connection) -> None:
        await workers.retire(connection, executor_id)
        await rescuing(executor_id)(connection)

    async def check(said: dict[str, Any]) -> None:
        await sweep(home)
        assert await place(home, job_id) == "READY"

    return Scene({"executor": claiming(f"q{n}", executor_id), "supervisor": bury}, check)


async def a_hand_back_and_a_rescue(home: Connection, n: int) -> Scene:
    executor_id, row = await lost_job(home, f"q{n}")

    async def hand_on(connection: Connection) -> list[asyncpg.Record]:
        accepted = await end(connection, [row], BACK)
        return await claim(connection, queues=[f"q{n}"]) if accepted else []

    async def check(said: dict[str, Any]) -> None:
        handed_on, rescued = bool(said["worker"]), bool(said["rescuer"])
        assert handed_on != rescued, f"handed on: {handed_on}, rescued: {rescued}"
        assert await place(home, row["job_id"]) == ("RUNNING" if handed_on else "READY")
        assert (await ticket_of(home, row["job_id"]))["losses"] == int(rescued)

    return Scene({"worker": hand_on, "rescuer": rescuing(executor_id)}, check)


async def a_claim_and_a_cancel(home: Connection, n: int) -> Scene:
    (job_id,) = await submit(home, ticket(queue=f"q{n}"))

    async def check(said: dict[str, Any]) -> None:
        claimed = bool(said["worker"])
        assert said["operator"] == ("requested" if claimed else "cancelled")
        assert await place(home, job_id) == ("RUNNING" if claimed else "CANCELLED")

    return Scene({"worker": claiming(f"q{n}"), "operator": cancelling(job_id)}, check)


async def a_hand_back_and_a_cancel(home: Connection, n: int) -> Scene:
    await submit(home, ticket(queue=f"q{n}"))
    (row,) = await claim(home, queues=[f"q{n}"])

    async def check(said: dict[str, Any]) -> None:
        assert said["operator"] in ("requested", "cancelled"), said["operator"]
        assert await place(home, row["job_id"]) == "CANCELLED"

    return Scene({"worker": ending(row, BACK), "operator": cancelling(row["job_id"])}, check)


async def a_rescue_and_a_cancel(home: Connection, n: int) -> Scene:
    executor_id, row = await lost_job(home, f"q{n}")

    async def check(said: dict[str, Any]) -> None:
        await sweep(home)
        assert said["operator"] in ("requested", "cancelled"), said["operator"]
        assert await place(home, row["job_id"]) == "CANCELLED"

    return Scene({"rescuer": rescuing(executor_id), "operator": cancelling(row["job_id"])}, check)


@asynccontextmanager
async def looking_once(home: Connection) -> AsyncIterator[None]:
    """A cancel that does not look again for a job that moved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "LOOKS", 1)
        yield


PAIRS = (
    Pair("claim x claim", two_claims, unguarded_by(("claim_jobs", "for update skip locked", ""))),
    *(
        Pair(
            f"{statement} x rescue",
            an_end_and_a_rescue(outcome, state, told),
            unguarded_by((statement, TOKEN, "")),
        )
        for statement, outcome, state, told in (
            ("finish_jobs", DONE, "SUCCEEDED", "succeeded"),
            ("put_back_jobs", RETRY_LATER, "SCHEDULED", "retried"),
            ("fail_jobs", FAILED, "FAILED", "failed"),
            ("put_in_doubt", DOUBT, "IN_DOUBT", "in_doubt"),
        )
    ),
    *(
        Pair(
            f"{statement} x cancel",
            an_end_and_a_cancel(outcome, state),
            unguarded_by((statement, f"case when cancel_requested then 'CANCELLED' else '{state}' end", f"'{state}'")),
        )
        for statement, outcome, state in (
            ("finish_jobs", DONE, "SUCCEEDED"),
            ("put_back_jobs", RETRY_LATER, "SCHEDULED"),
            ("fail_jobs", FAILED, "FAILED"),
        )
    ),
    Pair(
        "renew x retire: who is dead renews nothing",
        a_renewal_and_the_end_of_the_lease,
        unguarded_by(("renew_leases", "and state = 'live'", "")),
    ),
    Pair(
        "renew x retire: who renews is not dead",
        a_renewal_and_the_end_of_the_lease,
        unguarded_by(("retire_expired_executors", "for update skip locked", "")),
    ),
    Pair(
        "claim x retire",
        a_claim_and_its_executors_end,
        unguarded_by(("find_dead_holders", "'dead'", "'live'")),
    ),
    # The lock and the token each suffice: it takes both to go wrong.
    Pair(
        "hand back x rescue",
        a_hand_back_and_a_rescue,
        unguarded_by(("lock_lost_leases", "for update of l skip locked", ""), ("rescue_jobs", TOKEN, "")),
    ),
    Pair(
        "claim x cancel",
        a_claim_and_a_cancel,
        unguarded_by(
            (
                "cancel_waiting_job",
                "delete from easyflow.ready where job_id = $1::uuid returning *",
                "select * from easyflow.ready where job_id = $1::uuid",
            )
        ),
    ),
    Pair("hand back x cancel", a_hand_back_and_a_cancel, looking_once),
    Pair(
        "rescue x cancel",
        a_rescue_and_a_cancel,
        unguarded_by(("rescue_jobs", "case when cancel_requested then 'CANCELLED' else 'READY' end", "'READY'")),
    ),
)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
async def test_in_every_order_the_invariant_holds(connect: Connect, pair: Pair) -> None:
    await assert_every_order_holds(connect, pair)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
async def test_without_its_guard_some_order_breaks_it(connect: Connect, pair: Pair) -> None:
    await assert_some_order_breaks(connect, pair)

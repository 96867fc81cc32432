"""The ledger against rescue, settle and cancel: every order of their statements, and one that goes wrong unguarded."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from easyflow.errors import Conflict
from easyflow.storage import in_doubt, workers
from easyflow.storage.database import committed
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support import acts, doubts
from tests.support.factories import claim, place, start_executor, submit, ticket
from tests.support.intents import close_effect, kept, open_effect, reopen_effect
from tests.support.orders import Act, Pair, Scene, assert_every_order_holds, assert_some_order_breaks, unguarded_by

UNLOCKED = ("for key share", "")


async def lost_job(home: Connection, queue: str) -> tuple[UUID, asyncpg.Record]:
    """A claim of an executor that was declared dead and may have its last words on the way."""
    executor_id = await start_executor(home)
    await submit(home, ticket(queue=queue))
    (row,) = await claim(home, queues=[queue], executor_id=executor_id)
    await workers.retire(home, executor_id)
    return executor_id, row


async def take_back(connection: Connection, executor_id: UUID) -> list[asyncpg.Record]:
    return await rescue(connection, [executor_id], lambda token: "started", Limits(3, 10))


def settling(job_id: UUID, **said: Any) -> Act:
    async def act(connection: Connection) -> str:
        async with committed(connection):
            (moved,) = await in_doubt.settle(connection, job_id, seen_version=1, reason="asked", actor="ann", **said)
            return str(moved["state"])

    return act


async def an_intent_and_a_rescue(home: Connection, n: int) -> Scene:
    executor_id, row = await lost_job(home, f"q{n}")

    async def open_it(connection: Connection) -> bool:
        async with committed(connection):
            return bool((await open_effect(connection, row))["held"])

    async def check(said: dict[str, Any]) -> None:
        await take_back(home, executor_id)
        assert await place(home, row["job_id"]) == ("IN_DOUBT" if said["worker"] else "READY")

    return Scene({"worker": open_it, "rescuer": lambda connection: take_back(connection, executor_id)}, check)


async def a_second_intent_and_a_rescue(home: Connection, n: int) -> Scene:
    executor_id, row = await lost_job(home, f"q{n}")
    await open_effect(home, row)
    assert await close_effect(home, row, "did_not_happen", result=None)

    async def open_it(connection: Connection) -> bool:
        async with committed(connection):
            return await reopen_effect(connection, row)

    async def check(said: dict[str, Any]) -> None:
        await take_back(home, executor_id)
        assert await place(home, row["job_id"]) == ("IN_DOUBT" if said["worker"] else "READY")

    return Scene({"worker": open_it, "rescuer": lambda connection: take_back(connection, executor_id)}, check)


async def a_result_and_a_rescue(home: Connection, n: int) -> Scene:
    executor_id, row = await lost_job(home, f"q{n}")
    await open_effect(home, row)

    async def close_it(connection: Connection) -> bool:
        async with committed(connection):
            return await close_effect(connection, row)

    async def check(said: dict[str, Any]) -> None:
        await take_back(home, executor_id)
        ledger = (await kept(home, row["job_id"]))["state"]
        assert (await place(home, row["job_id"]), ledger) == (
            ("READY", "happened") if said["worker"] else ("IN_DOUBT", "open")
        )

    return Scene({"worker": close_it, "rescuer": lambda connection: take_back(connection, executor_id)}, check)


async def two_settlements(home: Connection, n: int) -> Scene:
    job_id = await doubts.in_doubt(home, queue=f"q{n}")

    async def check(said: dict[str, Any]) -> None:
        won = [name for name, each in said.items() if each == "SCHEDULED"]
        lost = [each for each in said.values() if isinstance(each, Conflict)]
        assert (len(won), len(lost)) == (1, 1), said
        assert (await kept(home, job_id))["state"] == won[0]

    happened = settling(job_id, outcome="happened", result='{"n": 1}')
    return Scene({"happened": happened, "did_not_happen": settling(job_id, outcome="did_not_happen")}, check)


async def a_settlement_and_a_cancel(home: Connection, n: int) -> Scene:
    job_id = await doubts.in_doubt(home, queue=f"q{n}")

    async def check(said: dict[str, Any]) -> None:
        assert said["ann"] == "SCHEDULED" or isinstance(said["ann"], Conflict), said["ann"]
        assert said["bob"] == "cancelled", said["bob"]
        assert await place(home, job_id) == "CANCELLED"

    settle = settling(job_id, outcome="did_not_happen")
    return Scene({"ann": settle, "bob": lambda connection: acts.cancel(connection, job_id)}, check)


PAIRS = (
    Pair("intent x rescue", an_intent_and_a_rescue, unguarded_by(("open_effects", *UNLOCKED))),
    Pair(
        "intent x rescue that does not lock",
        an_intent_and_a_rescue,
        unguarded_by(("lock_lost_leases", "for update of l skip locked", "")),
    ),
    Pair("second intent x rescue", a_second_intent_and_a_rescue, unguarded_by(("reopen_effects", *UNLOCKED))),
    Pair("result x rescue", a_result_and_a_rescue, unguarded_by(("close_effects", *UNLOCKED))),
    Pair("settle x settle", two_settlements, unguarded_by(("lock_doubt", "for update", ""))),
    Pair("settle x cancel", a_settlement_and_a_cancel, unguarded_by(("lock_doubt", "for update", ""))),
)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
async def test_in_every_order_the_invariant_holds(connect: Connect, pair: Pair) -> None:
    await assert_every_order_holds(connect, pair)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
async def test_without_its_guard_some_order_breaks_it(connect: Connect, pair: Pair) -> None:
    await assert_some_order_breaks(connect, pair)

"""Ends, signals, operators and moves to other versions that meet in one run: every order, and one without its lock."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from easyflow.errors import EasyFlowError
from easyflow.storage import leases
from easyflow.storage.database import committed
from easyflow.storage.runs import acts
from easyflow.storage.runs.migrating import Migrated, migrate, target
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import ending
from tests.support.moves import OPERATOR, jobs_by_step, keep
from tests.support.orders import Act, Pair, Scene, assert_every_order_holds, assert_some_order_breaks, unguarded_by
from tests.support.runs import begin, claim_all, run_of, step, work, workflow

UNLOCKED = ("lock_runs", "for no key update", "")


def ends(row: asyncpg.Record) -> Act:
    return lambda connection: leases.end(connection, uuid4(), [ending(row)])


async def moves(home: Connection, run_id: UUID, name: str, version: int = 2, **mapping: str) -> Act:
    to = await target(home, name, version, mapping)

    async def act(connection: Connection) -> Migrated:
        async with committed(connection):
            return await migrate(connection, to, [run_id], OPERATOR)

    return act


def moved(said: Any, run_id: UUID) -> bool:
    assert not isinstance(said, BaseException), repr(said)
    return run_id in said.moved


async def assert_done(home: Connection, run_id: UUID, steps: str, said: dict[str, Any]) -> None:
    """The run comes to its end, and each of these steps had one job."""
    fell = [each for each in said.values() if isinstance(each, BaseException) and not isinstance(each, EasyFlowError)]
    assert not fell, said
    try:
        await work(home)
    except (KeyError, asyncpg.PostgresError) as broken:
        raise AssertionError(f"the run cannot go on: {broken!r}") from broken
    jobs = await jobs_by_step(home, run_id)
    assert jobs == dict.fromkeys(steps.split(), 1), f"{jobs} of {steps}: {said}"
    assert (await run_of(home, run_id))["state"] == "SUCCEEDED", said


async def an_end_and_a_move(home: Connection, n: int) -> Scene:
    run = await begin(home, workflow(step("a"), step("b", "a"), step("c", "b"), name=f"w{n}"))
    (row,) = await claim_all(home)
    await keep(home, workflow(step("x", "start"), step("start"), step("c", "x"), name=f"w{n}"))

    async def check(said: dict[str, Any]) -> None:
        # Behind the end `b` has begun, and the new version has no such step.
        steps = "start x c" if moved(said["operator"], run.id) else "a b c"
        await assert_done(home, run.id, steps, said)

    return Scene({"worker": ends(row), "operator": await moves(home, run.id, f"w{n}", a="start")}, check)


async def an_end_of_an_item_and_a_move(home: Connection, n: int) -> Scene:
    each = {"map": {"items": "${input.all}"}}
    run = await begin(home, workflow(step("m", **each), step("c", "m"), name=f"w{n}"), {"all": [1, 2]})
    one, other = await claim_all(home)
    await leases.end(home, uuid4(), [ending(one)])
    await keep(home, workflow(step("x"), step("n", **each), step("d", "n", "x"), name=f"w{n}"))

    async def check(said: dict[str, Any]) -> None:
        assert moved(said["operator"], run.id) or "c" in await jobs_by_step(home, run.id)
        steps = ["x", "n", "n", "d"] if moved(said["operator"], run.id) else ["m", "m", "c"]
        await work(home)
        assert sorted((await jobs_by_step(home, run.id)).elements()) == sorted(steps), said
        assert (await run_of(home, run.id))["state"] == "SUCCEEDED", said

    return Scene({"worker": ends(other), "operator": await moves(home, run.id, f"w{n}", m="n")}, check)


async def a_signal_and_a_move(home: Connection, n: int) -> Scene:
    waits = {"wait_for_signal": {"signal": "go"}}
    run = await begin(home, workflow(step("s", **waits), step("b", "s"), name=f"w{n}"))
    await keep(home, workflow(step("x"), step("ok", **waits), step("c", "ok"), name=f"w{n}"))

    async def send(connection: Connection) -> Any:
        async with committed(connection):
            return await acts.signal(connection, run.id, "go", True, OPERATOR)

    async def check(said: dict[str, Any]) -> None:
        steps = "x c" if moved(said["operator"], run.id) else "b"
        await assert_done(home, run.id, steps, said)

    return Scene({"customer": send, "operator": await moves(home, run.id, f"w{n}", s="ok")}, check)


async def two_moves(home: Connection, n: int) -> Scene:
    run = await begin(home, workflow(step("a"), step("b", "a"), name=f"w{n}"))
    await keep(home, workflow(step("x"), step("a"), step("b", "a"), name=f"w{n}"))
    await keep(home, workflow(step("y"), step("a"), step("b", "a"), name=f"w{n}"))

    async def check(said: dict[str, Any]) -> None:
        # What has begun by the one version has no image in the other: whoever comes second is refused.
        first = moved(said["olga"], run.id)
        assert first != moved(said["otto"], run.id), f"both, or none, moved it: {said}"
        await assert_done(home, run.id, "x a b" if first else "y a b", said)

    olga, otto = await moves(home, run.id, f"w{n}"), await moves(home, run.id, f"w{n}", 3)
    return Scene({"olga": olga, "otto": otto}, check)


PAIRS = (
    Pair("end x move", an_end_and_a_move, unguarded_by(UNLOCKED)),
    Pair("end of an item x move", an_end_of_an_item_and_a_move, unguarded_by(UNLOCKED)),
    Pair("signal x move", a_signal_and_a_move, unguarded_by(UNLOCKED)),
    Pair("move x move", two_moves, unguarded_by(UNLOCKED)),
)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
async def test_in_every_order_a_run_goes_on_by_one_version(connect: Connect, pair: Pair) -> None:
    await assert_every_order_holds(connect, pair)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
async def test_without_the_lock_of_the_run_a_move_breaks_it_in_some_order(connect: Connect, pair: Pair) -> None:
    await assert_some_order_breaks(connect, pair)

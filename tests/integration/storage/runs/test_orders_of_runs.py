"""Ends, signals, time and operators that meet in one run: every order, and one that goes wrong without its lock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from easyflow.domain.outcome import Outcome
from easyflow.engine.runs import RunKeeper
from easyflow.errors import Conflict, EasyFlowError
from easyflow.storage import dead_letters, leases
from easyflow.storage.database import committed
from easyflow.storage.runs import acts
from easyflow.storage.runs.acts import Caller
from easyflow.storage.runs.timers import ring
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import DONE, FAILED, ending
from tests.support.orders import Act, Pair, Scene, assert_every_order_holds, assert_some_order_breaks, unguarded_by
from tests.support.runs import begin, claim_all, run_of, states, step, work, workflow

OPERATOR = Caller("olga", "on purpose")
UNLOCKED = ("lock_runs", "for no key update", "")

SetUp = Callable[[Connection, int], Awaitable[Scene]]


def ends(row: asyncpg.Record, outcome: Outcome = DONE) -> Act:
    return lambda connection: leases.end(connection, uuid4(), [ending(row, outcome)])


def acts_by(act: Callable[[Connection], Awaitable[Any]]) -> Act:
    async def alone(connection: Connection) -> Any:
        async with committed(connection):
            return await act(connection)

    return alone


async def jobs_of(home: Connection, run_id: UUID) -> list[str]:
    """The names of the steps that have jobs, one for each job."""
    rows = await home.fetch(
        """select w.definition -> 'steps' -> j.step_no::int ->> 'name' as name from easyflow.jobs as j
           join easyflow.runs as r on r.id = j.run_id
           join easyflow.workflows as w on w.name = r.workflow and w.version = r.version
           where j.run_id = $1 order by j.id""",
        run_id,
    )
    return [row["name"] for row in rows]


def assert_nobody_fell(said: dict[str, Any]) -> None:
    """Whoever comes second is told so in words; nobody runs into a constraint or a deadlock."""
    fell = [each for each in said.values() if isinstance(each, BaseException) and not isinstance(each, EasyFlowError)]
    assert not fell, said


async def two_last_siblings(home: Connection, n: int) -> Scene:
    run = await begin(home, workflow(step("a"), step("b"), step("c", "a", "b"), name=f"w{n}"))
    one, other = await claim_all(home)

    async def check(said: dict[str, Any]) -> None:
        assert_nobody_fell(said)
        made = await jobs_of(home, run.id)
        assert sorted(made) == ["a", "b", "c"], f"the join was released {made.count('c')} times: {said}"
        await work(home)
        assert (await run_of(home, run.id))["state"] == "SUCCEEDED"

    return Scene({"one": ends(one), "other": ends(other)}, check)


async def two_last_items(home: Connection, n: int) -> Scene:
    each = step("each", map={"items": "${input.all}"})
    run = await begin(home, workflow(each, step("after", "each"), name=f"w{n}"), {"all": [1, 2]})
    one, other = await claim_all(home)

    async def check(said: dict[str, Any]) -> None:
        assert_nobody_fell(said)
        row = await home.fetchrow("select * from easyflow.run_steps where run_id = $1 and step_no = 0", run.id)
        assert row is not None
        assert (row["succeeded"], row["failed"]) == (2, 0), f"items were counted wrong: {said}"
        assert await jobs_of(home, run.id) == ["each", "each", "after"]
        await work(home)

    return Scene({"one": ends(one), "other": ends(other)}, check)


async def two_signals(home: Connection, n: int) -> Scene:
    definition = workflow(step("ok", wait_for_signal={"signal": "go"}), step("b", "ok"), name=f"w{n}")
    run = await begin(home, definition)

    def send(value: bool) -> Act:
        return acts_by(lambda connection: acts.signal(connection, run.id, "go", value, OPERATOR))

    async def check(said: dict[str, Any]) -> None:
        assert_nobody_fell(said)
        refused = [each for each in said.values() if isinstance(each, Conflict)]
        assert len(refused) == 1, f"both, or none, were accepted: {said}"
        assert await jobs_of(home, run.id) == ["b"]
        await work(home)

    return Scene({"one": send(True), "other": send(False)}, check)


async def a_signal_and_its_timeout(home: Connection, n: int) -> Scene:
    waits = {"signal": "go", "timeout_seconds": 0.000001, "default": "nobody said"}
    run = await begin(home, workflow(step("ok", wait_for_signal=waits), step("b", "ok"), name=f"w{n}"))
    send = acts_by(lambda connection: acts.signal(connection, run.id, "go", "said", OPERATOR))

    async def check(said: dict[str, Any]) -> None:
        assert_nobody_fell(said)
        result = await home.fetchval("select result from easyflow.run_steps where run_id = $1 and step_no = 0", run.id)
        accepted = not isinstance(said["operator"], BaseException)
        assert result == ('"said"' if accepted else '"nobody said"'), f"the acknowledged one does not count: {said}"
        assert await jobs_of(home, run.id) == ["b"]
        await work(home)

    return Scene({"operator": send, "time": ring}, check)


async def an_end_and_a_cancel(home: Connection, n: int) -> Scene:
    run = await begin(home, workflow(step("a"), step("b", "a"), name=f"w{n}"))
    (row,) = await claim_all(home)

    async def check(said: dict[str, Any]) -> None:
        assert_nobody_fell(said)
        assert not isinstance(said["operator"], BaseException), said
        await RunKeeper().run_once(home)
        assert (await run_of(home, run.id))["state"] == "CANCELLED", f"an acknowledged cancel did not hold: {said}"
        assert await work(home) == []

    cancel = acts_by(lambda connection: acts.cancel(connection, run.id, OPERATOR))
    return Scene({"worker": ends(row), "operator": cancel}, check)


async def an_end_and_a_pause(home: Connection, n: int) -> Scene:
    run = await begin(home, workflow(step("a"), step("b", "a"), name=f"w{n}"))
    (row,) = await claim_all(home)

    async def check(said: dict[str, Any]) -> None:
        assert_nobody_fell(said)
        assert (await run_of(home, run.id))["state"] == "PAUSED", said
        async with home.transaction():
            await acts.resume(home, run.id, OPERATOR)
        await work(home)
        assert await jobs_of(home, run.id) == ["a", "b"], "a step was lost or begun twice"
        assert (await run_of(home, run.id))["state"] == "SUCCEEDED"

    pause = acts_by(lambda connection: acts.pause(connection, run.id, OPERATOR))
    return Scene({"worker": ends(row), "operator": pause}, check)


async def two_failures_with_compensation(home: Connection, n: int) -> Scene:
    undo = {"compensate_with": {"task": "work", "input": {}}}
    run = await begin(home, workflow(step("paid", **undo), step("a", "paid"), step("b", "paid"), name=f"w{n}"))
    (row,) = await claim_all(home)
    await leases.end(home, uuid4(), [ending(row)])
    one, other = await claim_all(home)

    async def check(said: dict[str, Any]) -> None:
        assert_nobody_fell(said)
        assert sorted(await jobs_of(home, run.id)) == ["a", "b", "paid", "paid"], f"taken back other than once: {said}"
        await work(home)
        assert (await run_of(home, run.id))["state"] == "FAILED"

    return Scene({"one": ends(one, FAILED), "other": ends(other, FAILED)}, check)


async def a_resume_and_a_replay(home: Connection, n: int) -> Scene:
    run = await begin(home, workflow(step("a"), step("b", "a"), name=f"w{n}"))
    await work(home, {"a": FAILED})
    job_id = await home.fetchval("select id from easyflow.jobs where run_id = $1", run.id)

    async def check(said: dict[str, Any]) -> None:
        assert_nobody_fell(said)
        failed = [each for each in said.values() if isinstance(each, BaseException)]
        assert len(failed) <= 1, said
        assert all(isinstance(each, Conflict) for each in failed), said
        assert await states(home, run.id) == {"a": "RUNNING"}
        await work(home)
        assert await jobs_of(home, run.id) == ["a", "b"]
        assert (await run_of(home, run.id))["state"] == "SUCCEEDED"

    async def replay(connection: Connection) -> Any:
        return await dead_letters.replay(
            connection, job_id, seen_version=1, payload=None, actor="otto", reason="mended"
        )

    resume = acts_by(lambda connection: acts.resume(connection, run.id, OPERATOR))
    return Scene({"olga": resume, "otto": acts_by(replay)}, check)


# The lock and the key of its table each suffice for signals: it takes both to go wrong.
SECOND_SIGNAL = ("add_signal", "do nothing", "do update set value = excluded.value")
PAIRS = (
    Pair("sibling x sibling", two_last_siblings, unguarded_by(UNLOCKED)),
    Pair("item x item", two_last_items, unguarded_by(UNLOCKED)),
    Pair("signal x signal", two_signals, unguarded_by(UNLOCKED, SECOND_SIGNAL)),
    Pair("signal x timeout", a_signal_and_its_timeout, unguarded_by(UNLOCKED)),
    Pair("failure x failure, with a compensation", two_failures_with_compensation, unguarded_by(UNLOCKED)),
)
# What an end has released at the last moment, a stop takes back and a resume finds, and a dead letter has a lock of its
# own: these need no lock of the run to hold.
OTHERS = (
    Pair("resume x replay", a_resume_and_a_replay, unguarded_by()),
    Pair("end x cancel of the run", an_end_and_a_cancel, unguarded_by()),
    Pair("end x pause", an_end_and_a_pause, unguarded_by()),
)


@pytest.mark.parametrize("pair", [*PAIRS, *OTHERS], ids=lambda pair: pair.name)
async def test_in_every_order_a_run_goes_on_once(connect: Connect, pair: Pair) -> None:
    await assert_every_order_holds(connect, pair)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
async def test_without_the_lock_of_the_run_some_order_breaks_it(connect: Connect, pair: Pair) -> None:
    await assert_some_order_breaks(connect, pair)

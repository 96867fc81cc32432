"""Acts on runs: cancel, pause, resume, signals, and what time does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from easyflow.domain.outcome import Failed, Fault, Outcome
from easyflow.engine.runs import RunKeeper
from easyflow.errors import Conflict, Missing
from easyflow.storage import dead_letters, leases
from easyflow.storage.runs import acts
from easyflow.storage.runs.acts import Caller
from tests.conftest import Connect
from tests.support.factories import BACK, birthday, end, ending, stop_clock
from tests.support.runs import begin, claim_all, run_of, said, states, step, work, workflow

BAD = Failed("attempts exhausted", Fault("ValueError", "no such account"))
OPERATOR = Caller("olga", "the customer called")


async def test_a_failed_run_is_resumed_from_its_failed_step_and_repeats_nothing(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a"), step("b", "a"), step("c", "b")))
    assert await work(connection, {"b": BAD}) == ["a", "b"]
    async with connection.transaction():
        assert (await acts.resume(connection, run.id, OPERATOR)).state == "RUNNING"
    assert await work(connection) == ["b", "c"]
    assert (await run_of(connection, run.id))["state"] == "SUCCEEDED"
    jobs = await connection.fetchval("select count(*) from easyflow.jobs where run_id = $1", run.id)
    assert jobs == 3


async def test_replaying_the_dead_letter_of_a_step_lets_its_failed_run_go_on(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a"), step("b", "a")))
    await work(connection, {"a": BAD})
    (job_id,) = [row["job_id"] for row in await connection.fetch("select job_id from easyflow.dead_letters")]
    async with connection.transaction():
        await dead_letters.replay(connection, job_id, seen_version=1, payload=None, actor="olga", reason="mended")
    assert await states(connection, run.id) == {"a": "RUNNING"}
    assert await work(connection) == ["a", "b"]
    assert (await run_of(connection, run.id))["state"] == "SUCCEEDED"


async def test_a_cancelled_run_releases_nothing_more_and_ends_when_its_jobs_have_stopped(connect: Connect) -> None:
    connection = await connect()
    run = await begin(
        connection, workflow(step("a"), step("b"), step("c", "a"), step("s", wait_for_signal={"signal": "go"}))
    )
    first, second = await claim_all(connection)
    async with connection.transaction():
        assert (await acts.cancel(connection, run.id, OPERATOR)).state == "RUNNING"
    await RunKeeper().run_once(connection)
    await end(connection, [first])  # its flag is set: it ends CANCELLED
    assert await states(connection, run.id) == {"a": "CANCELLED", "b": "RUNNING", "s": "CANCELLED"}
    await end(connection, [second])
    row = await run_of(connection, run.id)
    assert (row["state"], row["reason"]) == ("CANCELLED", "the customer called")
    assert await work(connection) == []


async def test_jobs_that_wait_are_cancelled_at_once(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a", map={"items": "${input.all}"})), {"all": list(range(7))})
    async with connection.transaction():
        await acts.cancel(connection, run.id, OPERATOR)
    await RunKeeper().run_once(connection)
    assert (await run_of(connection, run.id))["state"] == "CANCELLED"
    counted = await connection.fetch("select state, count(*) from easyflow.job_states group by state")
    assert [tuple(row) for row in counted] == [("CANCELLED", 7)]


async def test_a_paused_run_releases_nothing_until_it_is_resumed(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a"), step("b", "a")))
    async with connection.transaction():
        await acts.pause(connection, run.id, OPERATOR)
    assert await work(connection) == ["a"]
    assert (await run_of(connection, run.id))["state"] == "PAUSED"
    async with connection.transaction():
        await acts.resume(connection, run.id, OPERATOR)
    assert await work(connection) == ["b"]
    assert (await run_of(connection, run.id))["state"] == "SUCCEEDED"


async def test_a_signal_goes_on_with_its_value_and_an_early_one_is_kept(connect: Connect) -> None:
    connection = await connect()
    approval = workflow(
        step("a"),
        step("ok", "a", wait_for_signal={"signal": "approval"}),
        step("pay", "ok", when="steps.ok.result.approved", input={"by": "${steps.ok.result.by}"}),
    )
    for early in (True, False):
        run = await begin(connection, approval)
        if not early:
            await work(connection)
            assert (await states(connection, run.id))["ok"] == "WAITING"
        async with connection.transaction():
            await acts.signal(connection, run.id, "approval", {"approved": True, "by": "otto"}, OPERATOR)
        await work(connection)
        assert await states(connection, run.id) == dict.fromkeys(("a", "ok", "pay"), "SUCCEEDED")


async def test_of_two_senders_of_a_signal_one_wins(connect: Connect) -> None:
    setup = await connect()
    run = await begin(setup, workflow(step("ok", wait_for_signal={"signal": "approval"})))

    async def send(value: bool) -> bool:
        connection = await connect()
        try:
            async with connection.transaction():
                await acts.signal(connection, run.id, "approval", value, OPERATOR)
        except Conflict:
            return False
        return True

    assert sorted(await asyncio.gather(*(send(n % 2 == 0) for n in range(8)))) == [False] * 7 + [True]
    assert (await run_of(setup, run.id))["state"] == "SUCCEEDED"


async def test_a_signal_nobody_waits_for_is_refused_with_those_there_are(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("ok", wait_for_signal={"signal": "approval"})))
    with pytest.raises(Missing, match="waits for approval"):
        async with connection.transaction():
            await acts.signal(connection, run.id, "aproval", True, OPERATOR)


async def test_what_time_brings(connect: Connect) -> None:
    connection = await connect()
    noon = await birthday(connection)
    await stop_clock(connection, noon)
    sleeper = await begin(connection, workflow(step("s", sleep={"seconds": 60}), step("a", "s")))
    defaulted = await begin(
        connection,
        workflow(
            step("ok", wait_for_signal={"signal": "ok", "timeout_seconds": 60, "default": False}), name="defaulted"
        ),
    )
    strict = await begin(
        connection, workflow(step("ok", wait_for_signal={"signal": "ok", "timeout_seconds": 60}), name="strict")
    )
    late = await begin(
        connection, workflow(step("never", wait_for_signal={"signal": "go"}), name="late", deadline_seconds=60)
    )
    await RunKeeper().run_once(connection)
    assert await states(connection, sleeper.id) == {"s": "WAITING"}
    await stop_clock(connection, noon + timedelta(seconds=61))
    await RunKeeper().run_once(connection)
    assert await states(connection, sleeper.id) == {"s": "SUCCEEDED", "a": "RUNNING"}
    ends = [await run_of(connection, run.id) for run in (defaulted, strict, late)]
    assert [(row["state"], row["reason"]) for row in ends] == [
        ("SUCCEEDED", None),
        ("FAILED", "step ok failed: no signal ok came within 60 s"),
        ("FAILED", "its deadline passed"),
    ]


async def test_runs_of_one_key_follow_one_another(connect: Connect) -> None:
    connection = await connect()
    keyed = workflow(step("a"), key="${input.policy}")
    first = await begin(connection, keyed, {"policy": "p1"})
    second = await begin(connection, keyed, {"policy": "p1"})
    other = await begin(connection, keyed, {"policy": "p2"})
    assert (first.queued, second.queued, other.queued) == (False, True, False)
    assert await work(connection) == ["a", "a"]
    assert (await run_of(connection, second.id))["started_at"] is None
    await RunKeeper().run_once(connection)
    assert await work(connection) == ["a"]
    assert (await run_of(connection, second.id))["state"] == "SUCCEEDED"


async def test_a_workflow_may_refuse_a_second_run_of_a_key(connect: Connect) -> None:
    connection = await connect()
    keyed = workflow(step("a"), key="${input.policy}", key_policy="refuse")
    await begin(connection, keyed, {"policy": "p1"})
    with pytest.raises(Conflict, match="has this key"):
        await begin(connection, keyed, {"policy": "p1"})


async def test_a_parent_goes_on_with_the_output_of_its_child(connect: Connect) -> None:
    connection = await connect()
    await begin(connection, workflow(step("x"), name="inner", output={"got": "${steps.x.result}"}))
    await work(connection)
    outer = workflow(step("child", child={"workflow": "inner"}), step("after", "child", input="${steps.child.result}"))
    run = await begin(connection, {**outer, "name": "outer"})
    assert await work(connection, {"x": said(5)}) == ["x"]
    await RunKeeper().run_once(connection)
    seen = []

    def keep(name: str, payload: object) -> Outcome:
        seen.append(payload)
        return said(None)

    assert await work(connection, {"after": keep}) == ["after"]
    assert seen == [{"got": 5}]
    assert (await run_of(connection, run.id))["state"] == "SUCCEEDED"


async def test_a_map_bears_as_many_failures_as_it_says_and_its_dead_letters_can_be_replayed(connect: Connect) -> None:
    connection = await connect()
    each = step("each", map={"items": "${input.all}", "tolerated_failures": 1})

    def odd(name: str, payload: int) -> Outcome:
        return BAD if payload % 2 else said(payload)

    run = await begin(connection, workflow(each), {"all": [0, 1, 2, 4]})
    await work(connection, {"each": odd})
    assert (await run_of(connection, run.id))["state"] == "SUCCEEDED"
    broken = await begin(connection, workflow(each), {"all": [0, 1, 3, 4]})
    await work(connection, {"each": odd})
    row = await run_of(connection, broken.id)
    assert row["reason"] == "step each failed: 2 of 4 items failed, and 1 are tolerated"
    async with connection.transaction():
        await acts.resume(connection, broken.id, OPERATOR)
    assert await work(connection) == ["each", "each"]
    assert (await run_of(connection, broken.id))["state"] == "SUCCEEDED"
    counts = await connection.fetchrow(
        "select made, succeeded, failed from easyflow.run_steps where run_id = $1", broken.id
    )
    assert tuple(counts or ()) == (4, 4, 0)


async def test_a_cancelled_job_that_is_handed_back_ends_its_run_whoever_knows_of_it(connect: Connect) -> None:
    connection = await connect()
    for knows in (True, False):
        run = await begin(connection, workflow(step("a", map={"items": "${input.all}"})), {"all": [1]})
        (row,) = await claim_all(connection)
        async with connection.transaction():
            await acts.cancel(connection, run.id, OPERATOR)
        await RunKeeper().run_once(connection)
        given_back = ending(row, BACK)
        if not knows:
            given_back.place = None
        await leases.end(connection, uuid4(), [given_back])
        assert (await run_of(connection, run.id))["state"] == "CANCELLED"
        counts = await connection.fetchrow("select made, failed from easyflow.run_steps where run_id = $1", run.id)
        assert tuple(counts or ()) == (1, 1)


async def test_who_cancels_again_without_compensation_ends_one_that_cannot_be_brought_to_its_end(
    connect: Connect,
) -> None:
    connection = await connect()
    hopeless = {"compensate_with": {"task": "work", "input": "${step.result.missing}"}}
    run = await begin(connection, workflow(step("a", **hopeless), step("ok", "a", wait_for_signal={"signal": "go"})))
    await work(connection)
    for compensate, state in ((True, "COMPENSATING"), (True, "COMPENSATING"), (False, "CANCELLED")):
        async with connection.transaction():
            acted = await acts.cancel(connection, run.id, OPERATOR, compensate=compensate)
        assert (acted.state, (await run_of(connection, run.id))["state"]) == (state, state)

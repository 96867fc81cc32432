"""Which runs may move to another version: judged beforehand, judged again behind the lock, and left alone if not."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from easyflow.domain.workflow.evolution import Breaks, Fits
from easyflow.errors import Invalid, Missing, TooLarge
from easyflow.storage import leases
from easyflow.storage.runs import acts
from easyflow.storage.runs.migrating import preview, target
from tests.conftest import Connect
from tests.support.factories import ending
from tests.support.moves import OPERATOR, keep, move, send
from tests.support.runs import begin, claim_all, run_of, step, work, workflow


async def test_a_refused_run_is_untouched_while_the_others_of_the_same_move_go(connect: Connect) -> None:
    connection = await connect()
    old = workflow(step("a"), step("b", "a"), step("c", "b"))
    on_b, on_a = await begin(connection, old), await begin(connection, old)
    await leases.end(connection, uuid4(), [ending(row) for row in await claim_all(connection, max_jobs=1)])
    await keep(connection, workflow(step("a"), step("x", "a")))
    before = await run_of(connection, on_b.id)
    done = await move(connection, [on_a.id, on_b.id, unknown := uuid4()])
    assert done.moved == {on_a.id: Fits({"a": "a"})}
    assert {id: [(each.step, each.message) for each in why.reasons] for id, why in done.refused.items()} == {
        on_b.id: [("b", "has begun or is over, and the new version has no such step; map it to one")],
        unknown: [(None, "there is no such run")],
    }
    assert await run_of(connection, on_b.id) == before
    assert await connection.fetchval("select count(*) from easyflow.run_events where run_id = $1", on_b.id) == 0
    assert sorted(await work(connection)) == ["a", "b", "c", "x"]
    assert [(await run_of(connection, each.id))["state"] for each in (on_a, on_b)] == ["SUCCEEDED", "SUCCEEDED"]


async def test_a_run_that_ends_or_whose_signal_would_be_lost_stays(connect: Connect) -> None:
    connection = await connect()
    old = workflow(step("a"), step("s", "a", wait_for_signal={"signal": "go"}))
    done, told, stopping = [await begin(connection, old) for _ in range(3)]
    for run in (done, told):
        await send(connection, run.id, name="go")
    (row,) = [row for row in await claim_all(connection) if row["run_id"] == done.id]
    await leases.end(connection, uuid4(), [ending(row)])
    async with connection.transaction():
        await acts.cancel(connection, stopping.id, OPERATOR)
    await keep(connection, workflow(step("a"), step("b", "a")))
    refused = (await move(connection, [done.id, told.id, stopping.id])).refused
    assert {id: [(each.step, each.message) for each in why.reasons] for id, why in refused.items()} == {
        done.id: [(None, "it is SUCCEEDED already")],
        told.id: [("s", "its signal go came already, and nothing would wait for it")],
        stopping.id: [(None, "it is being stopped")],
    }


async def test_asking_twice_moves_once(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a")))
    await keep(connection, workflow(step("a"), step("b", "a")))
    await move(connection, [run.id])
    again = await move(connection, [run.id])
    assert again.moved == {}
    assert [each.message for each in again.refused[run.id].reasons] == ["it is on this version already"]
    assert await connection.fetchval("select count(*) from easyflow.audit") == 1


async def test_a_run_whose_input_does_not_fit_stays(connect: Connect) -> None:
    connection = await connect()
    fits, unfit = [await begin(connection, workflow(step("a")), {"n": n}) for n in (1, "one")]
    asks: Any = {"input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    await keep(connection, workflow(step("a"), **asks))
    done = await move(connection, [fits.id, unfit.id])
    assert set(done.moved) == {fits.id}
    (reason,) = done.refused[unfit.id].reasons
    assert reason.message.startswith("its input does not fit: input.n: ")


async def test_a_preview_says_what_a_move_would_do_and_changes_nothing(connect: Connect) -> None:
    connection = await connect()
    old = workflow(step("a"), step("b", "a"))
    on_b, on_a = await begin(connection, old), await begin(connection, old)
    await leases.end(connection, uuid4(), [ending(row) for row in await claim_all(connection, max_jobs=1)])
    await keep(connection, new := workflow(step("start"), step("x", "start")))
    there = await begin(connection, new)
    rows = await connection.fetch("select * from easyflow.runs order by id")
    to = await target(connection, "w", 2, {"a": "start"})
    seen = await preview(connection, to)
    assert [(each.id, each.version, type(each.verdict)) for each in seen.runs] == [
        (on_b.id, 1, Breaks),
        (on_a.id, 1, Fits),
    ]
    assert [(reason.step, each.runs) for reason, each in seen.tally.breaks.items()] == [("b", 1)]
    assert [each.id for each in (await preview(connection, to, [on_a.id, there.id])).runs] == [on_a.id]
    assert await connection.fetch("select * from easyflow.runs order by id") == rows


async def test_a_mapping_that_cannot_be_meant_is_refused_as_a_whole(connect: Connect) -> None:
    connection = await connect()
    await keep(connection, workflow(step("a"), step("b")))
    with pytest.raises(Invalid) as wrong:
        await target(connection, "w", 1, {"x": "nowhere", "y": "a", "z": "a"})
    assert [(each["at"], each["message"]) for each in wrong.value.problems] == [
        ("mapping.x", "version 1 has no step nowhere"),
        ("mapping.y", "z would become a too"),
        ("mapping.z", "y would become a too"),
    ]
    with pytest.raises(Missing):
        await target(connection, "w", 2)
    with pytest.raises(TooLarge):
        await move(connection, [uuid4() for _ in range(101)])

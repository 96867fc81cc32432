"""Before a deploy: which runs could go on by a definition, by version, and what breaks the others."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from easyflow.domain.workflow.reading import read
from easyflow.storage import leases
from easyflow.storage.runs import acts
from easyflow.storage.runs.examining import Examiner
from easyflow.storage.runs.preflight import MOST_BREAKS, RUNS_NAMED, SOMETHING_ELSE, Tally, VersionCount, preflight
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import FAILED, ending
from tests.support.moves import OPERATOR, move
from tests.support.runs import begin, claim_all, step, work, workflow

V1 = workflow(step("a"), step("b", "a"), step("c", "b", wait_for_signal={"signal": "go"}))


async def looked(connection: Connection, document: dict[str, Any], *, chunk: int = 2) -> Tally:
    return await preflight(connection, read(document), chunk=chunk)


def breaks(tally: Tally) -> dict[str | None, tuple[str, int, list[UUID]]]:
    return {reason.step: (reason.message, each.runs, each.named) for reason, each in tally.breaks.items()}


async def test_runs_are_counted_by_version_with_the_step_that_breaks_and_the_first_of_them(connect: Connect) -> None:
    connection = await connect()
    waiting = [(await begin(connection, V1)).id for _ in range(7)]
    await work(connection)
    await begin(connection, V1)  # it stops at b
    await leases.end(connection, uuid4(), [ending(row) for row in await claim_all(connection)])
    for _ in range(3):
        await begin(connection, V1)
    await begin(connection, workflow(step("a"), step("x", "a")))
    found = await looked(
        connection, workflow(step("a"), step("b", "a", task="other"), step("x", "a"), step("c", "b", task="work"))
    )
    assert found.versions == {1: VersionCount(compatible=3, breaking=8), 2: VersionCount(compatible=1)}
    assert found.breaking == 8
    assert breaks(found) == {
        "b": ("is task work, and in the new version task other", 8, waiting[:RUNS_NAMED]),
        "c": ("is waits for the signal go, and in the new version task work", 7, waiting[:RUNS_NAMED]),
    }


async def test_what_is_over_is_not_counted_what_failed_is_and_what_ends_anyway_breaks_nothing(connect: Connect) -> None:
    connection = await connect()
    old = workflow(step("a"), step("b", "a"))
    undo = {"compensate_with": {"task": "work"}}
    for _ in range(3):
        await begin(connection, old)
    await work(connection)
    await begin(connection, workflow(step("a", **undo), step("b", "a")))
    await work(connection, {"b": FAILED})  # it fails, and is compensated
    failed = await begin(connection, old)
    await work(connection, {"b": FAILED})
    stopping = await begin(connection, old)
    await claim_all(connection)
    async with connection.transaction():
        await acts.cancel(connection, stopping.id, OPERATOR)
    found = await looked(connection, workflow(step("a")))
    assert found.versions == {1: VersionCount(breaking=1, ending=1)}
    assert breaks(found) == {
        "b": ("has begun or is over, and the new version has no such step; map it to one", 1, [failed.id])
    }


async def test_the_same_definition_breaks_nothing_and_no_run_is_no_version(connect: Connect) -> None:
    connection = await connect()
    assert await looked(connection, V1) == Tally()
    await begin(connection, V1)
    assert await looked(connection, V1) == Tally({1: VersionCount(compatible=1)})


async def test_inputs_are_looked_at_where_the_definition_asks_for_something_else(connect: Connect) -> None:
    connection = await connect()
    old = workflow(step("a"), step("b", "a"))
    runs = [await begin(connection, old, {"n": n}) for n in (1, "one", 2, "two", 3)]
    asks: Any = {"input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    found = await looked(connection, workflow(step("a"), **asks), chunk=100)
    assert found.versions == {1: VersionCount(compatible=3, breaking=2)}
    ((step_name, (message, count, named)),) = breaks(found).items()
    assert (step_name, count, named) == (None, 2, [runs[1].id, runs[3].id])
    assert message.startswith("its input does not fit: input.n: ")


async def test_everything_that_stands_against_a_run_is_told_its_input_and_its_steps(connect: Connect) -> None:
    connection = await connect()
    await begin(connection, workflow(step("a")), {"n": "one"})
    asks: Any = {"input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    found = await looked(connection, workflow(step("b"), **asks))
    assert set(breaks(found)) == {None, "a"}
    assert found.versions == {1: VersionCount(breaking=1)}


async def test_runs_of_one_version_whose_steps_have_different_numbers_are_judged_apart(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a")))
    there = await begin(connection, workflow(step("q"), step("a", "q")))
    async with connection.transaction():
        for each in (run, there):
            await acts.pause(connection, each.id, OPERATOR)
    await move(connection, [run.id])
    found = await looked(connection, workflow(step("q")), chunk=100)  # number 0 is `a` of the one, `q` of the other
    assert found.versions == {2: VersionCount(compatible=1, breaking=1)}
    assert breaks(found)["a"][2] == [run.id]


async def test_a_run_that_moved_before_is_judged_by_the_steps_it_has_now(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a"), step("b", "a")))
    await begin(connection, workflow(step("x"), step("b", "x")), {"other": "run"})
    await move(connection, [run.id], mapping={"a": "x"})
    assert (await looked(connection, workflow(step("x")))).versions == {2: VersionCount(compatible=2)}
    assert breaks(await looked(connection, workflow(step("b"))))["x"][1] == 2


async def test_runs_whose_signals_differ_are_judged_apart(connect: Connect) -> None:
    connection = await connect()
    early, _ = await begin(connection, V1), await begin(connection, V1)
    async with connection.transaction():
        await acts.signal(connection, early.id, "go", True, OPERATOR)
    found = await looked(connection, workflow(step("a")), chunk=100)
    assert found.versions == {1: VersionCount(compatible=1, breaking=1)}
    assert breaks(found)["c"][2] == [early.id]


async def test_however_many_things_are_wrong_the_report_stays_small(connect: Connect) -> None:
    connection = await connect()
    names = [f"s{n}" for n in range(MOST_BREAKS + 5)]
    run = await begin(connection, workflow(*(step(name) for name in names)))
    found = await looked(connection, workflow(step("other")))
    assert len(found.breaks) == MOST_BREAKS + 1
    assert (found.breaks[SOMETHING_ELSE].runs, found.breaks[SOMETHING_ELSE].named) == (1, [run.id])


async def test_looking_waits_for_nobody_and_holds_no_snapshot_between_its_chunks(connect: Connect) -> None:
    connection, other = await connect(), await connect()
    for _ in range(5):
        await begin(connection, V1)
    pinned = "select backend_xmin is not null from pg_stat_activity where pid = $1"
    async with connection.transaction():
        await connection.execute("select from easyflow.runs for update")
        seen = []
        async for runs in Examiner(read(V1)).walk(other, chunk=2):
            seen.append(len(runs))
            assert await connection.fetchval(pinned, other.get_server_pid()) is False
    assert seen == [2, 2, 1]

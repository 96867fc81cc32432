"""Going on: a job's end and what follows from it in its run are one transaction."""

from __future__ import annotations

import json

import pytest

from easyflow.domain.outcome import Failed, Fault, Outcome
from tests.conftest import Connect
from tests.support.runs import begin, claim_all, run_of, said, states, step, work, workflow

BAD = Failed("attempts exhausted", Fault("ValueError", "no such account"))


async def test_a_chain_runs_step_by_step_and_hands_results_on(connect: Connect) -> None:
    connection = await connect()
    chain = workflow(
        step("a", input={"n": "${input.n}"}),
        step("b", "a", input={"n": "${steps.a.result.n}", "run": "${run.id}"}),
        step("c", "b", input="${steps.b.result}"),
        output={"sum": "${steps.c.result.n}"},
    )
    run = await begin(connection, chain, {"n": 41})
    payloads = {}

    def keep(name: str, payload: dict[str, int]) -> Outcome:
        payloads[name] = payload
        return said({"n": payload["n"] + 1})

    assert await work(connection, dict.fromkeys("abc", keep)) == ["a", "b", "c"]
    assert payloads == {"a": {"n": 41}, "b": {"n": 42, "run": str(run.id)}, "c": {"n": 43}}
    row = await run_of(connection, run.id)
    assert (row["state"], json.loads(row["output"])) == ("SUCCEEDED", {"sum": 44})


async def test_a_join_begins_once_when_its_last_need_is_over(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a"), step("b"), step("c", "a", "b")))
    first, second = await claim_all(connection)
    from tests.support.factories import end

    await end(connection, [first])
    assert "c" not in await states(connection, run.id)
    await end(connection, [second])
    assert (await states(connection, run.id))["c"] == "RUNNING"
    assert await work(connection) == ["c"]
    assert (await run_of(connection, run.id))["state"] == "SUCCEEDED"


async def test_a_condition_that_is_false_skips_a_step_and_what_needs_it(connect: Connect) -> None:
    connection = await connect()
    branches = workflow(
        step("a"),
        step("big", "a", when="steps.a.result.n > 10"),
        step("small", "a", when="steps.a.result.n <= 10"),
        step("after", "big"),
        step("end", "big", "small", join="any"),
    )
    run = await begin(connection, branches)
    assert await work(connection, {"a": said({"n": 3})}) == ["a", "small", "end"]
    assert await states(connection, run.id) == {
        "a": "SUCCEEDED", "big": "SKIPPED", "small": "SUCCEEDED", "after": "SKIPPED", "end": "SUCCEEDED",
    }  # fmt: skip


async def test_a_failed_step_fails_its_run_and_says_why(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a"), step("b", "a")))
    await work(connection, {"a": BAD})
    row = await run_of(connection, run.id)
    assert (row["state"], row["reason"]) == ("FAILED", "step a failed: no such account")
    assert await states(connection, run.id) == {"a": "FAILED"}


async def test_finished_steps_are_compensated_in_reverse_order(connect: Connect) -> None:
    connection = await connect()
    undo = {"task": "work", "input": {"back": "${step.result}", "was": "${step.input.n}"}}
    saga = workflow(
        step("a", input={"n": 1}, compensate_with=undo),
        step("b", "a", input={"n": 2}, compensate_with=undo),
        step("c", "b"),
    )
    run = await begin(connection, saga)
    seen = []

    def keep(name: str, payload: dict[str, object]) -> Outcome:
        seen.append(payload)
        return said(name)

    assert await work(connection, {"a": keep, "b": keep, "c": BAD}) == ["a", "b", "c", "undo b", "undo a"]
    assert seen[2:] == [{"back": "b", "was": 2}, {"back": "a", "was": 1}]
    row = await run_of(connection, run.id)
    assert (row["state"], row["compensated"]) == ("FAILED", True)


async def test_a_map_over_a_list_makes_a_job_for_each_item_and_counts(connect: Connect) -> None:
    connection = await connect()
    each = workflow(
        step("each", map={"items": "${input.claims}", "concurrency": 3}),
        step("after", "each", input="${steps.each.result}"),
    )
    run = await begin(connection, each, {"claims": [{"n": n} for n in range(10)]})
    seen = []

    def keep(name: str, payload: object) -> Outcome:
        seen.append((name, payload))
        return said(payload)

    order = await work(connection, {"each": keep, "after": keep})
    assert order == ["each"] * 10 + ["after"]
    assert [payload for _, payload in seen[:10]] == [{"n": n} for n in range(10)]
    assert seen[10][1] == {"total": 10, "succeeded": 10, "failed": 0}
    outcomes = await connection.fetch("select * from easyflow.run_outcomes where run_id = $1 order by item_no", run.id)
    assert [json.loads(row["result"])["n"] for row in outcomes] == list(range(10))


async def test_a_child_run_begins_with_its_own_steps(connect: Connect) -> None:
    connection = await connect()
    await begin(connection, workflow(step("x"), name="inner"))
    await work(connection)
    run = await begin(connection, workflow(step("a", child={"workflow": "inner"}), name="outer"))
    assert await states(connection, run.id) == {"a": "WAITING"}
    assert await work(connection) == ["x"]


async def test_a_map_goes_over_what_a_map_before_it_left(connect: Connect) -> None:
    connection = await connect()
    maps = workflow(
        step("one", map={"items": "${input.all}", "concurrency": 4, "tolerated_percent": 50}),
        step("two", "one", map={"items_of": "one", "concurrency": 3}),
    )
    run = await begin(connection, maps, {"all": list(range(11))})
    seen = []

    def double(name: str, payload: int) -> Outcome:
        return BAD if payload % 4 == 1 else said(payload * 2)

    def keep(name: str, payload: int) -> Outcome:
        seen.append(payload)
        return said(None)

    await work(connection, {"one": double, "two": keep})
    assert sorted(seen) == [n * 2 for n in range(11) if n % 4 != 1]
    assert (await run_of(connection, run.id))["state"] == "SUCCEEDED"
    counts = await connection.fetch("select succeeded, failed from easyflow.run_steps where run_id = $1", run.id)
    assert [tuple(row) for row in counts] == [(8, 3), (8, 0)]


@pytest.mark.parametrize(("tolerated", "ended"), [(0, "FAILED"), (100, "SUCCEEDED")])
async def test_a_map_of_which_no_item_can_become_a_job_comes_to_its_end(
    connect: Connect, tolerated: int, ended: str
) -> None:
    connection = await connect()
    hopeless = step(
        "each",
        input="${item.missing}",
        map={"items": "${input.all}", "concurrency": 4, "tolerated_percent": tolerated},
    )
    run = await begin(connection, workflow(hopeless, step("after", "each")), {"all": [{}] * 11})
    assert await work(connection) == (["after"] if tolerated else [])
    assert (await run_of(connection, run.id))["state"] == ended
    row = await connection.fetchrow("select * from easyflow.run_steps where run_id = $1 and step_no = 0", run.id)
    assert row is not None
    assert (row["made"], row["succeeded"], row["failed"]) == ((11, 0, 11) if tolerated else (4, 0, 4))

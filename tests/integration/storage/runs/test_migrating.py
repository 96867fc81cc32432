"""Moving runs to another version: half-way, whole or not at all, written down, and nothing runs twice."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg

from easyflow.domain.outcome import Succeeded
from easyflow.storage import dead_letters, leases
from easyflow.storage.conservation import check_data
from easyflow.storage.runs import acts
from easyflow.storage.runs.read import read_events, read_run
from easyflow.storage.runs.timers import ring
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import FAILED, birthday, ending, stop_clock
from tests.support.moves import OPERATOR, jobs_by_step, keep, move, send
from tests.support.runs import begin, claim_all, run_of, said, states, step, work, workflow

ITEMS = [1, 2, 3, 4]
V1 = workflow(
    step("parse"),
    step("each", "parse", map={"items": "${input.all}", "concurrency": 2}),
    step("approve", "each", wait_for_signal={"signal": "approval"}),
    step("pay", "approve"),
    step("mail", "pay", input={"paid": "${steps.pay.result}"}),
)
V2 = workflow(
    step("check", "each"),
    step("parse"),
    step("each", "parse", map={"items": "${input.all}", "concurrency": 2}),
    step("approve", "each", wait_for_signal={"signal": "approval"}),
    step("pay", "approve", "check", priority=-1),
    step("notify", "pay", input={"paid": "${steps.pay.result}", "by": "letter"}),
)
RENAMED = {"mail": "notify"}
OLD_JOBS = {"parse": 1, "each": len(ITEMS), "pay": 1, "mail": 1}
NEW_JOBS = {"check": 1, "parse": 1, "each": len(ITEMS), "pay": 1, "notify": 1}


async def started(connection: Connection, number: int) -> list[UUID]:
    return [(await begin(connection, V1, {"all": ITEMS})).id for _ in range(number)]


async def stopped_half_way(connection: Connection, each: int) -> tuple[dict[str, list[UUID]], list[asyncpg.Record]]:
    """Runs on V1 by the place at which they are, and the claims of their jobs that run."""
    at: dict[str, list[UUID]] = {"failed": await started(connection, each)}
    for run_id in at["failed"]:
        await send(connection, run_id)  # it comes early
    await work(connection, {"pay": FAILED})
    at["waits"] = await started(connection, each)
    await work(connection)
    at["half of its items"] = await started(connection, each)
    await leases.end(connection, uuid4(), [ending(row) for row in await claim_all(connection)])
    items = await claim_all(connection)
    first = {row["run_id"]: row for row in items}
    await leases.end(connection, uuid4(), [ending(row) for row in first.values()])
    at["runs"] = await started(connection, each)
    held = [row for row in items if row not in first.values()] + await claim_all(connection)
    at["ready"] = await started(connection, each)
    return at, held


async def test_runs_that_are_half_way_finish_on_their_version_or_on_the_one_they_move_to_and_nothing_runs_twice(
    connect: Connect,
) -> None:
    connection = await connect()
    at, held = await stopped_half_way(connection, 40)
    assert Counter([row["part"] is None for row in held]) == {True: 40, False: 80}  # of four items one is done
    assert await keep(connection, V2) == 2
    chosen = [run_id for runs in at.values() for run_id in runs[::2]]
    stay = [run_id for runs in at.values() for run_id in runs[1::2]]
    moved = await move(connection, chosen, 2, RENAMED)
    assert (len(moved.moved), moved.refused) == (100, {})
    fresh = [(await begin(connection, V2, {"all": ITEMS})).id for _ in range(10)]

    accepted = await leases.end(connection, uuid4(), [ending(row) for row in held])
    assert len(accepted) == 120
    for run_id in at["failed"]:
        async with connection.transaction():
            await acts.resume(connection, run_id, OPERATOR)
    await work(connection)
    for run_id in [*at["waits"], *at["half of its items"], *at["runs"], *at["ready"], *fresh]:
        await send(connection, run_id)
    await work(connection, {"pay": said("receipt")})

    for run_id in [*chosen, *stay, *fresh]:
        row = await run_of(connection, run_id)
        assert (row["state"], row["version"]) == ("SUCCEEDED", 1 if run_id in stay else 2)
        assert await jobs_by_step(connection, run_id) == (OLD_JOBS if run_id in stay else NEW_JOBS)
    payloads = await connection.fetch(
        "select payload::text from easyflow.jobs where run_id = $1 and step_no = 4", at["waits"][0]
    )
    assert [json.loads(row["payload"]) for row in payloads] == [{"paid": "receipt", "by": "letter"}]
    assert (await check_data(connection)).breaches == []


async def test_a_run_that_moves_is_shown_with_the_steps_of_its_new_version(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, V1, {"all": ITEMS})
    await work(connection, {"parse": said("parsed")})
    await keep(connection, V2)
    await move(connection, [run.id], 2, RENAMED)
    await work(connection, {"check": said("checked")})
    seen = await read_run(connection, run.id, max_bytes=1000)
    assert [(each["name"], each["state"], each["result"]) for each in seen.steps] == [
        ("check", "SUCCEEDED", '"checked"'),
        ("parse", "SUCCEEDED", '"parsed"'),
        ("each", "SUCCEEDED", '{"total": 4, "failed": 0, "succeeded": 4}'),
        ("approve", "WAITING", None),
        ("pay", "BLOCKED", None),
        ("notify", "BLOCKED", None),
    ]
    history = await read_events(connection, run.id, 100)
    ended = [each["step"] for each in history.rows if each["kind"] == "step succeeded"]
    assert ended == ["parse", "each", "check"]


async def test_a_move_is_written_down_with_both_versions_and_who_wanted_it(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, V1, {"all": ITEMS})
    await keep(connection, V2)
    await move(connection, [run.id], 2, RENAMED)
    event = await connection.fetchrow("select kind, actor, reason, detail::text from easyflow.run_events")
    assert event is not None
    assert (event["kind"], event["actor"], event["reason"]) == ("migrate", "olga", "the fixed version")
    both = {"before": {"version": 1}, "after": {"version": 2}, "mapping": {"mail": "notify"}}
    assert json.loads(event["detail"]) == both
    audit = await connection.fetchrow("select act, object_id, before::text, after::text from easyflow.audit")
    assert audit is not None
    assert (audit["act"], audit["object_id"]) == ("migrate", str(run.id))
    assert json.loads(audit["before"]) == {"version": 1}
    assert json.loads(audit["after"]) == {"version": 2, "mapping": {"mail": "notify"}}


async def test_a_run_that_moved_moves_on_and_back_and_no_step_gets_the_number_of_another(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a"), step("b", "a"), step("c", "b")))
    await keep(connection, workflow(step("x"), step("a", "x")))
    await keep(connection, workflow(step("y"), step("a"), step("z", "a")))
    await move(connection, [run.id], 2)
    (row,) = [each for each in await claim_all(connection) if each["step_no"] == 0]
    assert set((await move(connection, [run.id], 3)).refused) == {run.id}  # x has begun, and 3 has no x
    await move(connection, [run.id], 3, {"x": "y"})
    numbers = await connection.fetchval("select numbers::text from easyflow.runs where id = $1", run.id)
    assert json.loads(numbers) == ["a", None, None, "y", "z"]
    await leases.end(connection, uuid4(), [ending(row)])
    assert await states(connection, run.id) == {"a": "SUCCEEDED", "y": "RUNNING", "z": "RUNNING"}


async def test_a_failed_run_moves_and_is_resumed_on_the_fixed_version(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a"), step("bad", "a", input="${steps.a.result.x}"), step("c", "bad")))
    assert await work(connection) == ["a"]
    assert (await run_of(connection, run.id))["state"] == "FAILED"
    await keep(connection, workflow(step("a"), step("bad", "a", input="whole"), step("d", "bad")))
    assert set((await move(connection, [run.id])).moved) == {run.id}
    assert (await run_of(connection, run.id))["state"] == "FAILED"
    assert await work(connection) == []
    async with connection.transaction():
        await acts.resume(connection, run.id, OPERATOR)
    assert await work(connection) == ["bad", "d"]
    assert (await run_of(connection, run.id))["state"] == "SUCCEEDED"


async def test_a_dead_letter_of_a_run_that_moved_is_replayed_into_its_step(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a"), step("b", "a")))
    await work(connection, {"a": FAILED})
    (job_id,) = [row["job_id"] for row in await connection.fetch("select job_id from easyflow.dead_letters")]
    await keep(connection, workflow(step("x"), step("start"), step("b", "start")))
    await move(connection, [run.id], mapping={"a": "start"})
    async with connection.transaction():
        await dead_letters.replay(connection, job_id, seen_version=1, payload=None, actor="olga", reason="mended")
    assert sorted(await work(connection)) == ["b", "start", "x"]
    assert (await run_of(connection, run.id))["state"] == "SUCCEEDED"


async def test_a_compensation_by_the_new_version_takes_back_what_the_old_one_did(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("paid"), step("b", "paid")))
    (row,) = await claim_all(connection)
    await leases.end(connection, uuid4(), [ending(row, said({"id": 7}))])
    undo = {"compensate_with": {"task": "work", "input": {"receipt": "${step.result.id}"}}}
    await keep(connection, workflow(step("x"), step("paid", "x", **undo), step("b", "paid")))
    await move(connection, [run.id])
    order = await work(connection, {"b": FAILED})
    assert sorted(order) == ["b", "undo paid", "x"]
    payload = await connection.fetchval("select payload::text from easyflow.jobs where part = -1")
    assert json.loads(payload) == {"receipt": 7}


async def test_a_signal_is_waited_for_as_long_as_the_new_version_says(connect: Connect) -> None:
    connection = await connect()
    noon = await birthday(connection)
    await stop_clock(connection, noon)
    run = await begin(connection, workflow(step("s", wait_for_signal={"signal": "go"})))
    waits = {"signal": "go", "timeout_seconds": 600, "default": "nobody said"}
    await keep(connection, workflow(step("b"), step("s", wait_for_signal=waits)))
    await keep(connection, workflow(step("b"), step("s", wait_for_signal={"signal": "go"}), step("c", "s")))
    due = "select due_at from easyflow.run_steps where step_no = 0"
    assert await connection.fetchval(due) is None
    await stop_clock(connection, noon + timedelta(seconds=300))
    await move(connection, [run.id], 2)
    assert await connection.fetchval(due) == noon + timedelta(seconds=600)
    await move(connection, [run.id], 3)
    assert await connection.fetchval(due) is None
    await move(connection, [run.id], 2)
    await stop_clock(connection, noon + timedelta(seconds=601))
    await ring(connection)
    assert await states(connection, run.id) == {"s": "SUCCEEDED", "b": "RUNNING"}
    result = await connection.fetchval("select result from easyflow.run_steps where step_no = 0")
    assert result == '"nobody said"'
    await work(connection)
    assert (await run_of(connection, run.id))["state"] == "SUCCEEDED"


async def test_children_that_were_pinned_stay_pinned_and_new_ones_get_the_newest(connect: Connect) -> None:
    connection = await connect()
    await keep(connection, workflow(step("p"), name="pinned"))
    run = await begin(connection, workflow(step("a"), step("k", "a", child={"workflow": "pinned"})))
    await keep(connection, workflow(step("p"), step("q"), name="pinned"))
    await keep(connection, workflow(step("n"), name="new"))
    kids = (step("k", "a", child={"workflow": "pinned"}), step("l", "a", child={"workflow": "new"}))
    await keep(connection, workflow(step("a"), *kids))
    await move(connection, [run.id])
    children = await connection.fetchval("select children::text from easyflow.runs where id = $1", run.id)
    assert json.loads(children) == {"pinned": 1, "new": 1}


async def test_what_a_step_emitted_is_gone_over_by_a_map_of_the_new_version(connect: Connect) -> None:
    connection = await connect()
    run = await begin(connection, workflow(step("a"), step("b", "a")))
    (row,) = await claim_all(connection)
    await connection.execute(
        "insert into easyflow.run_items values ($1, $2, $3, 0, '5'), ($1, $2, $3, 1, '6')",
        *(row["run_id"], row["step_no"], row["lease_no"]),
    )
    await keep(connection, workflow(step("m", "src", map={"items_of": "src"}), step("src")))
    await move(connection, [run.id], mapping={"a": "src"})
    await leases.end(connection, uuid4(), [ending(row, Succeeded())])
    payloads = [json.loads(each["payload"]) for each in await claim_all(connection)]
    assert payloads == [5, 6]

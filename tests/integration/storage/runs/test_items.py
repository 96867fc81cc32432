"""Items that steps emit: kept under the claim, seen by the map only when their attempt SUCCEEDED, removed otherwise."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from easyflow.storage import items
from easyflow.storage.items import FIRST_STEP
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support.emitted import chunk_of, emit, kept, parsing, taken_over, two_claims
from tests.support.factories import FAILED, RETRY, claim, end, start_executor
from tests.support.interleave import Stage
from tests.support.mutations import mutated
from tests.support.runs import TASK, begin, claim_all, run_of, step, work, workflow

TOKEN = "and claim_token = any ($2::uuid[])"
UNLOCKED = ("for key share", "")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
TURNS = 20


async def payloads(connection: Connection) -> list[Any]:
    """What the jobs of maps that are ready hold, in order."""
    return [json.loads(row["payload"]) for row in await claim_all(connection)]


async def counted(connection: Connection, run_id: UUID) -> int | None:
    """How many items the map behind the first step goes over."""
    found: int | None = await connection.fetchval(
        "select items from easyflow.run_steps where run_id = $1 and step_no = 1", run_id
    )
    return found


async def test_a_map_goes_over_what_a_step_emitted_in_its_order(connect: Connect) -> None:
    connection = await connect()
    row = await parsing(connection)
    assert await emit(connection, row, ["a", "b", "c"])
    assert await emit(connection, row, [{"n": 1}, None], first=3)
    assert len(await end(connection, [row])) == 1
    assert await payloads(connection) == ["a", "b", "c", {"n": 1}, None]


async def test_a_chunk_said_twice_is_kept_once(connect: Connect) -> None:
    connection = await connect()
    row = await parsing(connection)
    assert [await emit(connection, row, [1, 2, 3]) for _ in range(2)] == [True, True]
    assert await kept(connection, row["run_id"]) == {1: [1, 2, 3]}


async def test_chunks_of_several_jobs_share_a_statement_and_the_stale_one_keeps_nothing(connect: Connect) -> None:
    connection = await connect()
    old, present = await two_claims(connection)
    other = await parsing(connection)
    chunks = [chunk_of(old, ["old"]), chunk_of(present, ["new"]), chunk_of(other, [7]), chunk_of(other, [8], first=1)]
    assert await items.emit(connection, chunks) == [False, True, True, True]
    assert await kept(connection, present["run_id"]) == {2: ["new"]}
    assert await kept(connection, other["run_id"]) == {1: [7, 8]}


async def test_a_stale_claim_emits_nothing(connect: Connect) -> None:
    connection = await connect()
    old, present = await two_claims(connection)
    assert not await emit(connection, old, ["old"])
    assert not await items.emit_with_job(connection, chunk_of(old, ["old"]))
    assert await kept(connection, old["run_id"]) == {}
    assert await emit(connection, present, ["new"])
    await end(connection, [present])
    assert not await emit(connection, present, ["late"], first=1)
    assert await payloads(connection) == ["new"]


@pytest.mark.parametrize("transactional", [False, True])
async def test_without_the_token_a_stale_claim_would_emit(connect: Connect, transactional: bool) -> None:
    connection = await connect()
    old, _ = await two_claims(connection)
    if transactional:
        with mutated("emit_items_with_job", ("and l.claim_token = $2::uuid", "and $2::uuid is not null")):
            assert await items.emit_with_job(connection, chunk_of(old, ["old"]))
    else:
        with mutated("emit_items", (TOKEN, ""), ("as h using (job_id, claim_token)", "as h using (job_id)")):
            assert await emit(connection, old, ["old"])
    assert await kept(connection, old["run_id"]) == {2: ["old"]}


async def test_a_map_sees_nothing_of_attempts_that_did_not_succeed(connect: Connect) -> None:
    connection = await connect()
    executor_id = await start_executor(connection)
    lost = await parsing(connection, executor_id)
    assert await emit(connection, lost, ["lost"] * 5)
    retried = await taken_over(connection, lost, executor_id)
    assert await emit(connection, retried, ["retried"] * 9)
    await end(connection, [retried], RETRY)
    await statement("promote_jobs").fetch(connection, after=LONG_AGO, max_jobs=10)
    (last,) = await claim(connection, tasks=[TASK])
    assert await emit(connection, last, [1, 2])
    await end(connection, [last])
    assert await payloads(connection) == [1, 2]
    assert await counted(connection, last["run_id"]) == 2


async def emitting_behind_an_ending(connect: Connect) -> tuple[bool, bool, int, int | None]:
    """Emit while the job's ending is not committed: whether it waited, was held, what is kept, what the map counts."""
    ender, worker = await Stage(connect).actors("finisher", "a thread of the handler's own")
    row = await parsing(ender.connection)
    await emit(ender.connection, row, [1])
    async with ender.connection.transaction():
        await end(ender.connection, [row])
        said = await worker.start(emit(worker.connection, row, [2], first=1))
        blocked = said.blocked
    held = await said.result()
    found = (await kept(ender.connection, row["run_id"]))[1]
    return blocked, held, len(found), await counted(ender.connection, row["run_id"])


async def test_what_is_said_to_be_held_is_what_the_map_sees(connect: Connect) -> None:
    assert await emitting_behind_an_ending(connect) == (True, False, 1, 1)


async def test_without_its_lock_an_emission_would_be_held_that_no_map_sees(connect: Connect) -> None:
    with mutated("emit_items", UNLOCKED):
        assert await emitting_behind_an_ending(connect) == (False, True, 2, 1)


async def test_an_ending_waits_for_an_emission_that_is_not_committed_and_its_map_sees_it(connect: Connect) -> None:
    worker, ender = await Stage(connect).actors("handler", "finisher")
    row = await parsing(worker.connection)
    async with worker.connection.transaction():
        assert await emit(worker.connection, row, [1, 2])
        ending = await ender.start(end(ender.connection, [row]))
        assert ending.blocked
    assert len(await ending.result()) == 1
    assert await counted(worker.connection, row["run_id"]) == 2


async def test_items_of_a_transaction_are_numbered_behind_those_that_a_savepoint_left(connect: Connect) -> None:
    connection = await connect()
    row = await parsing(connection)
    async with connection.transaction():
        assert await items.emit_with_job(connection, chunk_of(row, ["a", "b"]))
        back = connection.transaction()
        await back.start()
        assert await items.emit_with_job(connection, chunk_of(row, ["taken back"], first=2))
        await back.rollback()
        assert await items.emit_with_job(connection, chunk_of(row, ["c"], first=3))
        await end(connection, [row])
    assert await payloads(connection) == ["a", "b", "c"]


async def remaining(connection: Connection) -> list[Any]:
    """All items there are, behind some turns of their chore."""
    after = FIRST_STEP
    for _ in range(TURNS):
        after = await items.remove_stale(connection, after)
    rows = await connection.fetch(
        "select item::text from easyflow.run_items order by run_id, step_no, lease_no, item_no"
    )
    return [json.loads(row["item"]) for row in rows]


async def test_items_of_earlier_attempts_are_removed_and_no_others(connect: Connect) -> None:
    connection = await connect()
    executor_id = await start_executor(connection)
    old = await parsing(connection, executor_id)
    await emit(connection, old, ["old"] * 3)
    assert await remaining(connection) == ["old"] * 3  # it may still succeed
    present = await taken_over(connection, old, executor_id)
    await emit(connection, present, ["new"])
    assert await remaining(connection) == ["new"]
    await end(connection, [present])
    assert await remaining(connection) == ["new"]


async def test_items_of_a_job_that_failed_are_removed_and_those_of_a_list_stay(connect: Connect) -> None:
    connection = await connect()
    failed = await parsing(connection)
    await emit(connection, failed, ["lost"] * 3)
    await end(connection, [failed], FAILED)
    run = await begin(connection, workflow(step("each", map={"items": "${input.list}"}), name="list"), {"list": [1, 2]})
    assert await remaining(connection) == [1, 2]
    await work(connection)
    assert (await run_of(connection, run.id))["state"] == "SUCCEEDED"


async def test_more_stale_items_than_one_statement_removes_are_removed_by_several(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "REMOVED_AT_ONCE", 10)
    monkeypatch.setattr(items, "LOOKED_AT_ONCE", 2)
    connection = await connect()
    for n in range(5):
        row = await parsing(connection)
        await emit(connection, row, list(range(7 + n)))
        await end(connection, [row], FAILED)
    assert await remaining(connection) == []

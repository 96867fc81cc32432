"""Reading back an ending: it is ours only when our own attempt says what was sent, whatever became of the job since."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from easyflow.domain.outcome import Failed, Outcome
from easyflow.domain.rescue import Fate
from easyflow.storage import leases, workers
from easyflow.storage.endings import held_by_others, read_back
from easyflow.storage.rescue import Limits, rescue
from tests.conftest import Connect
from tests.support.factories import (
    BACK,
    DONE,
    DOUBT,
    ENDINGS,
    FAULT,
    RETRY,
    SNOOZE,
    STOPPED,
    VANISHED,
    claim,
    end,
    ending,
    start_executor,
    submit_many,
)

ALL: dict[str, Outcome] = {
    **ENDINGS,
    "snooze": SNOOZE,
    "doubt": DOUBT,
    "vanish": VANISHED,
    "stopped": STOPPED,
    "fail with a loss": Failed("lost", FAULT, loss=1),
}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("cancelled", [False, True])
async def test_what_was_recorded_is_ours(connect: Connect, kind: str, cancelled: bool) -> None:
    connection = await connect()
    executor_id = await start_executor(connection)
    await submit_many(connection, 1)
    (row,) = await claim(connection, executor_id=executor_id)
    if cancelled:
        await connection.execute("update easyflow.leases set cancel_requested = true")
    sent = ending(row, ALL[kind])
    kinds = {row["claim_token"]: {type(sent.outcome)}}
    (recorded,) = await leases.end(connection, executor_id, [sent])
    assert await leases.end(connection, executor_id, [sent]) == []
    (found,) = await read_back(connection, executor_id, [sent], kinds)
    names = ("job_id", "queue", "key", "ordered", "state")
    assert [found[name] for name in names] == [recorded[name] for name in names]
    # Claimed and ended again by others since, it is still ours.
    if recorded["state"] == "READY":
        await end(connection, await claim(connection))
        assert len(await read_back(connection, executor_id, [sent], kinds)) == 1


@pytest.mark.parametrize("kind", sorted(ALL.keys() - {"vanish"}))
@pytest.mark.parametrize("fate", ["started", "unstarted", "bystander"])
async def test_what_a_rescuer_recorded_is_not_ours(connect: Connect, kind: str, fate: Fate) -> None:
    connection = await connect()
    executor_id = await start_executor(connection)
    await submit_many(connection, 1)
    (row,) = await claim(connection, executor_id=executor_id)
    await workers.retire(connection, executor_id)
    assert await rescue(connection, [executor_id], lambda token: fate, Limits(3, 10))
    sent = ending(row, ALL[kind])
    assert await read_back(connection, executor_id, [sent], {row["claim_token"]: {type(sent.outcome)}}) == []


@pytest.mark.parametrize("theirs", [DONE, RETRY])
async def test_what_another_executor_recorded_under_the_same_number_is_not_ours(
    connect: Connect, theirs: Outcome
) -> None:
    """Behind a lossy failover the same number may be given twice; the executor is another."""
    connection = await connect()
    await submit_many(connection, 1)
    (row,) = await claim(connection)
    await end(connection, [row], theirs, executor_id=uuid4())
    await connection.execute("update easyflow.attempts set executor_id = gen_random_uuid()")
    sent = ending(row, theirs)
    assert await read_back(connection, uuid4(), [sent], {row["claim_token"]: {type(theirs)}}) == []


async def test_what_is_not_recorded_at_all_is_not_ours(connect: Connect) -> None:
    connection = await connect()
    await submit_many(connection, 2)
    rows = await claim(connection, 2)
    sent = [ending(row) for row in rows]
    kinds: dict[UUID, set[type[Outcome]]] = {row["claim_token"]: {type(DONE), type(BACK)} for row in rows}
    assert await read_back(connection, uuid4(), sent, kinds) == []


async def test_only_leases_that_someone_holds_are_named(connect: Connect) -> None:
    connection, holder = await connect(), await connect()
    await submit_many(connection, 3)
    rows = await claim(connection, 3)
    sent = [ending(row) for row in rows]
    await end(connection, rows[2:])
    async with holder.transaction():
        await holder.execute("select from easyflow.leases where job_id = $1 for key share", rows[0]["job_id"])
        held = await held_by_others(connection, sent)
    assert [row["claim_token"] for row in held] == [rows[0]["claim_token"]]
    assert await held_by_others(connection, sent) == []

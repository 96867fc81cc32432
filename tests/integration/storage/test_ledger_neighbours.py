"""The ledger beside others: a stale claim in one batch with the live one, effects of other jobs and places."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from easyflow.domain.states import Effects
from easyflow.storage import effects
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import BACK, claim, end
from tests.support.intents import (
    claimed_job,
    close_effect,
    closing_of,
    intent_of,
    kept,
    open_effect,
    open_for_ever,
    reopen_effect,
)


async def taken_over(connection: Connection) -> tuple[asyncpg.Record, asyncpg.Record]:
    """One job with a keyed effect open under an old claim: the old claim and the present one."""
    old = await claimed_job(connection)
    await open_effect(connection, old, effects=Effects.KEYED)
    await end(connection, [old], BACK)
    (present,) = await claim(connection)
    return old, present


async def ledger(connection: Connection, *ids: UUID) -> dict[tuple[UUID, int], dict[str, Any]]:
    """Every row of some jobs by its place."""
    rows = await connection.fetch("select * from easyflow.effects where job_id = any ($1)", list(ids))
    return {(row["job_id"], row["ordinal"]): dict(row) for row in rows}


async def test_a_stale_claim_beside_the_live_one_opens_reopens_and_closes_nothing(connect: Connect) -> None:
    connection = await connect()
    old, present = await taken_over(connection)
    job_id = old["job_id"]
    answers = await effects.open_intents(connection, [intent_of(old, 2), intent_of(present, 3)])
    assert [row["held"] for row in answers] == [False, True]
    before = await ledger(connection, job_id)
    assert set(before) == {(job_id, 1), (job_id, 3)}
    intents = [intent_of(old, 1, effects=Effects.KEYED), intent_of(present, 3)]
    assert await effects.reopen_intents(connection, intents) == {(job_id, 3)}
    assert await ledger(connection, job_id) == before
    assert not await close_effect(connection, present)
    assert await effects.close(connection, [closing_of(old), closing_of(present, ordinal=3)]) == {(job_id, 3)}
    after = await ledger(connection, job_id)
    assert {place: row["state"] for place, row in after.items()} == {(job_id, 1): "open", (job_id, 3): "happened"}


async def test_each_effect_of_a_batch_is_told_of_reopened_and_closed_by_its_own_job_and_place(connect: Connect) -> None:
    connection = await connect()
    one, other = await claimed_job(connection), await claimed_job(connection)
    for row in (one, other):
        for ordinal in (1, 2):
            await open_effect(connection, row, ordinal, name=f"{row['job_id']} {ordinal}")
            await close_effect(connection, row, "did_not_happen", ordinal, None)
    told = await effects.open_intents(connection, [intent_of(row, n) for row in (one, other) for n in (2, 1)])
    assert [row["name"] for row in told] == [f"{row['job_id']} {n}" for row in (one, other) for n in (2, 1)]
    before = await ledger(connection, one["job_id"], other["job_id"])
    places = {(one["job_id"], 2), (other["job_id"], 1)}
    intents = [intent_of(one, 2, name="one"), intent_of(other, 1, name="other")]
    assert await effects.reopen_intents(connection, intents) == places
    reopened = await ledger(connection, one["job_id"], other["job_id"])
    assert {place for place, row in reopened.items() if row != before[place]} == places
    assert [reopened[one["job_id"], 2]["name"], reopened[other["job_id"], 1]["name"]] == ["one", "other"]
    closings = [closing_of(one, "happened", 2, '"one"'), closing_of(other, "happened", 1, '"other"')]
    assert await effects.close(connection, closings) == places
    closed = await ledger(connection, one["job_id"], other["job_id"])
    assert {place for place, row in closed.items() if row != reopened[place]} == places
    assert [closed[one["job_id"], 2]["result"], closed[other["job_id"], 1]["result"]] == ['"one"', '"other"']


async def test_an_intent_said_again_counts_as_one_try_and_every_other_one_as_another(connect: Connect) -> None:
    connection = await connect()
    old, present = await taken_over(connection)
    job_id = old["job_id"]

    async def tries_after(row: asyncpg.Record) -> int:
        assert await reopen_effect(connection, row, effects=Effects.KEYED)
        return int((await kept(connection, job_id))["tries"])

    assert [await tries_after(present), await tries_after(present)] == [2, 2]
    await close_effect(connection, present, "did_not_happen", result=None)
    assert await tries_after(present) == 3


async def test_a_key_that_its_receiver_may_have_forgotten_is_not_used_again(connect: Connect) -> None:
    connection = await connect()
    old = await claimed_job(connection)
    await open_for_ever(connection, old, "expired")
    await end(connection, [old], BACK)
    (present,) = await claim(connection)
    before = await ledger(connection, old["job_id"])
    assert not await reopen_effect(connection, present, effects=Effects.KEYED)
    assert await ledger(connection, old["job_id"]) == before


@pytest.mark.parametrize("said", ["open", "reopen", "close"])
async def test_a_stale_claim_is_refused_without_waiting_for_who_holds_the_live_one(connect: Connect, said: str) -> None:
    connection, holder = await connect(), await connect()
    old, present = await taken_over(connection)
    async with holder.transaction():
        await holder.execute("select from easyflow.leases where job_id = $1 for update", present["job_id"])
        async with asyncio.timeout(10):
            if said == "open":
                (answer,) = await effects.open_intents(connection, [intent_of(old, 2)])
                assert not answer["held"]
            elif said == "reopen":
                assert not await reopen_effect(connection, old, effects=Effects.KEYED)
            else:
                assert not await close_effect(connection, old)

"""What an operator's word moves: one job in doubt, with its own facts, and nothing beside it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from easyflow.storage import in_doubt
from easyflow.storage.admission import admit
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import DOUBT, FAILED, assert_conserved, claim, end, key, place, submit, ticket


async def settled_as_failed(connection: Connection, row: Any) -> None:
    """End a claim in doubt and have an operator say that it failed."""
    await end(connection, [row], DOUBT)
    async with connection.transaction():
        await in_doubt.settle(
            connection,
            row["job_id"],
            outcome="failed",
            seen_version=row["lease_no"],
            reason="asked the bank",
            actor="ann",
        )


async def failed(connection: Connection, row: Any) -> None:
    """End a claim as failed."""
    await end(connection, [row], FAILED)


@pytest.mark.parametrize("name", ["end_doubt", "settle_doubt"])
async def test_a_word_about_a_job_that_is_not_in_doubt_moves_nothing(connect: Connect, name: str) -> None:
    connection = await connect()
    (job_id,) = await submit(connection, ticket(delay_seconds=3600.0))
    said = {"state": "SUCCEEDED", "result": None, "reason": "asked the bank"} if name == "end_doubt" else {}
    assert await statement(name).fetch(connection, job_id=job_id, **said) == []
    assert await place(connection, job_id) == "SCHEDULED"
    await assert_conserved(connection, 1)


async def test_a_job_that_failed_keeps_no_result_whatever_was_said_with_it(connect: Connect) -> None:
    connection = await connect()
    (job_id,) = await submit(connection, ticket())
    await end(connection, await claim(connection), DOUBT)
    said = {"state": "FAILED", "result": '{"receipt": 7}', "reason": "asked the bank"}
    assert len(await statement("end_doubt").fetch(connection, job_id=job_id, **said)) == 1
    assert await connection.fetchval("select count(*) from easyflow.results") == 0


async def test_a_replay_moves_nothing_but_what_failed_and_says_where_to(connect: Connect) -> None:
    connection = await connect()
    done, free, keyed = await submit(connection, ticket(), ticket(), ticket(key="k", ordered=False))
    await admit(connection, [key()])
    rows = {row["job_id"]: row for row in await claim(connection, 3)}
    await end(connection, [rows[done]])
    await end(connection, [rows[free], rows[keyed]], FAILED)
    moved = [await statement("replay_dead_letter").fetch(connection, job_id=each, revision=0) for each in rows]
    assert {job_id: [row["state"] for row in told] for job_id, told in zip(rows, moved, strict=True)} == {
        done: [],
        free: ["READY"],
        keyed: ["BLOCKED"],
    }
    assert [await place(connection, each) for each in (done, free, keyed)] == ["SUCCEEDED", "READY", "BLOCKED"]


async def letters(connection: Connection, ids: list[UUID]) -> list[tuple[list[str], str]]:
    """Tags and payload of each job's dead letter."""
    rows = await connection.fetch("select job_id, tags, payload from easyflow.dead_letters")
    told = {row["job_id"]: (row["tags"], row["payload"]) for row in rows}
    return [told[job_id] for job_id in ids]


@pytest.mark.parametrize("fail", [failed, settled_as_failed])
async def test_a_dead_letter_says_its_own_jobs_tags_and_latest_payload(connect: Connect, fail: Any) -> None:
    connection = await connect()
    ids = await submit(connection, *(ticket(payload=f'{{"n": {n}}}', tags=[f"t{n}", "all"]) for n in range(3)))
    for row in await claim(connection, 3):
        await fail(connection, row)
    assert await letters(connection, ids) == [(["all", f"t{n}"], f'{{"n": {n}}}') for n in range(3)]
    for turn in (1, 2):
        for n, job_id in enumerate(ids[:2]):
            said = {"actor": "ann", "reason": "mended", "payload": f'{{"n": {turn}{n}}}'}
            await acts.replay(connection, job_id, seen_version=2 * turn - 1, **said)
        claimed = await claim(connection, 2)
        assert [row["payload"] for row in claimed] == [f'{{"n": {turn}{n}}}' for n in range(2)]
        for row in claimed:
            await fail(connection, row)
    latest = [payload for _, payload in await letters(connection, ids)]
    assert latest == ['{"n": 20}', '{"n": 21}', '{"n": 2}']

"""The fence: what a worker writes counts only under the token of the present claim."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import pytest

from easyflow.domain.outcome import Succeeded
from easyflow.storage import leases, workers
from easyflow.storage.leases import Ending
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import (
    DONE,
    DOUBT,
    ENDINGS,
    STOPPED,
    VANISHED,
    assert_conserved,
    claim,
    end,
    ending,
    outcomes,
    place,
    start_executor,
    submit,
    submit_many,
    ticket,
    ticket_of,
)
from tests.support.mutations import mutated

ALL = {**ENDINGS, "lose": VANISHED, "stop": STOPPED, "doubt": DOUBT}
FENCED = {
    "finish": "finish_jobs",
    "put_back": "put_back_jobs",
    "fail": "fail_jobs",
    "hand_back": "hand_back_jobs",
    "doubt": "put_in_doubt",
}


async def taken_over(connection: Connection) -> tuple[asyncpg.Record, asyncpg.Record]:
    """One job whose executor died and which another one claimed: the old claim and the present one."""
    executor_id = await start_executor(connection)
    await submit_many(connection, 1)
    (old,) = await claim(connection, executor_id=executor_id)
    await workers.retire(connection, executor_id)
    await rescue(connection, [executor_id], lambda token: "unstarted", Limits(3, 10))
    (present,) = await claim(connection)
    return old, present


@pytest.mark.parametrize("kind", ALL)
async def test_a_stale_ending_changes_nothing_and_is_missing_from_the_answer(connect: Connect, kind: str) -> None:
    connection = await connect()
    old, present = await taken_over(connection)
    before = await ticket_of(connection, old["job_id"])
    assert await end(connection, [old], ALL[kind]) == []
    assert await ticket_of(connection, old["job_id"]) == before
    assert await outcomes(connection, old["job_id"]) == ["unstarted"]
    assert await connection.fetchval("select count(*) from easyflow.dead_letters") == 0
    assert await connection.fetchval("select count(*) from easyflow.job_events") == 0
    assert [row["job_id"] for row in await end(connection, [present])] == [old["job_id"]]


@pytest.mark.parametrize("kind", FENCED)
async def test_without_the_token_a_stale_ending_would_count(connect: Connect, kind: str) -> None:
    connection = await connect()
    old, _ = await taken_over(connection)
    with mutated(FENCED[kind], ("and claim_token = any", "and claim_token <> any")):
        assert len(await end(connection, [old], ALL[kind])) == 1


@pytest.mark.parametrize("kind", ALL)
async def test_a_stale_claim_beside_the_live_one_of_the_same_job_is_left_out(connect: Connect, kind: str) -> None:
    connection = await connect()
    old, present = await taken_over(connection)
    accepted = await end(connection, [old, present, old], ALL[kind])
    assert [row["job_id"] for row in accepted] == [present["job_id"]]
    history = await connection.fetch("select lease_no from easyflow.attempts order by lease_no")
    assert [row["lease_no"] for row in history] == ([1] if kind == "hand_back" else [1, 2])
    assert await connection.fetchval("select count(*) from easyflow.job_events") == (kind == "doubt")
    await assert_conserved(connection, 1)


@pytest.mark.parametrize("kind", ALL)
async def test_of_a_job_that_is_to_be_cancelled_the_live_claim_alone_counts(connect: Connect, kind: str) -> None:
    connection = await connect()
    old, present = await taken_over(connection)
    assert await acts.cancel(connection, old["job_id"]) == "requested"
    accepted = await end(connection, [old, present, old], ALL[kind])
    assert [row["job_id"] for row in accepted] == [present["job_id"]]
    assert await place(connection, old["job_id"]) == ("IN_DOUBT" if kind == "doubt" else "CANCELLED")
    await assert_conserved(connection, 1)


async def test_only_the_live_claim_keeps_its_result(connect: Connect) -> None:
    connection = await connect()
    old, present = await taken_over(connection)
    endings = [ending(old, Succeeded('"old"')), ending(present, Succeeded('"new"'))]
    await leases.finish(connection, uuid4(), endings)
    assert [row["result"] for row in await connection.fetch("select result from easyflow.results")] == ['"new"']


async def test_a_token_is_good_for_its_own_job_only(connect: Connect) -> None:
    connection = await connect()
    await submit_many(connection, 2)
    first, second = await claim(connection, 2)
    stolen = Ending(first["job_id"], second["claim_token"], 1, first["claimed_at"], 0.1, "c0de", DONE)
    assert await leases.end(connection, uuid4(), [stolen]) == []
    assert await place(connection, first["job_id"]) == "RUNNING"


@pytest.mark.parametrize("kind", ALL)
async def test_an_ending_counts_once(connect: Connect, kind: str) -> None:
    connection = await connect()
    await submit_many(connection, 5)
    claimed = await claim(connection, 5)
    assert len(await end(connection, claimed, ALL[kind])) == 5
    assert await end(connection, claimed, ALL[kind]) == []
    await assert_conserved(connection, 5)


async def test_of_two_endings_of_one_claim_the_first_counts(connect: Connect) -> None:
    first, second = await connect(), await connect()
    (job_id,) = await submit(first, ticket())
    claimed = await claim(first)
    assert len(await end(first, claimed, ENDINGS["fail"])) == 1
    assert await end(second, claimed, DONE) == []
    assert await place(first, job_id) == "FAILED"


async def test_progress_of_a_stale_claim_is_dropped(connect: Connect) -> None:
    connection = await connect()
    old, present = await taken_over(connection)
    for row, done in ((present, 5), (old, 99)):
        await statement("record_progress").fetch(
            connection,
            job_ids=[row["job_id"]],
            claim_tokens=[row["claim_token"]],
            done=[done],
            totals=[10],
            notes=["half"],
        )
    kept = await connection.fetchrow("select done, total, note, lease_no from easyflow.progress")
    assert kept is not None
    assert tuple(kept) == (5, 10, "half", 2)

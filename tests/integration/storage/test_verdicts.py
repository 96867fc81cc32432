"""The verdict on lost attempts comes from the ledger: an effect in doubt parks the job, and nothing else does."""

from __future__ import annotations

from typing import get_args

import asyncpg
import pytest

from easyflow.domain.outcome import Failed, PutBack, Stopped
from easyflow.domain.rescue import Fate
from easyflow.domain.states import Effects
from easyflow.storage import leases, workers
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.sql import Connection
from easyflow.storage.tasks import TaskRow, register
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import (
    FAILED,
    RETRY_LATER,
    TASK,
    VANISHED,
    assert_conserved,
    ending,
    outcomes,
    place,
    start_executor,
    ticket_of,
)
from tests.support.intents import claimed_job, close_effect, kept, open_effect, open_for_ever

LIMITS = Limits(losses=3, unstarted=10)
KINDS = {"none": False, "keyed": False, "queryable": False, "unsafe": True, "expired": True}
# What each fate is charged, and how the attempt stands in history when the job runs again.
CHARGES: dict[Fate, tuple[int, int, str]] = {
    "started": (1, 0, "lost"),
    "bystander": (0, 0, "handed_back"),
    "unstarted": (0, 1, "unstarted"),
    "unknown": (0, 1, "unstarted"),
}


async def lost(
    connection: Connection, kind: str, fate: Fate, *, cancelled: bool = False, limits: Limits = LIMITS
) -> asyncpg.Record:
    """Claim a job, leave its ledger as `kind` says, and let its executor die with this fate; what moved."""
    executor_id = await start_executor(connection)
    row = await claimed_job(connection, executor_id)
    await open_for_ever(connection, row, kind)
    if cancelled:
        assert await acts.cancel(connection, row["job_id"]) == "requested"
    await workers.retire(connection, executor_id)
    (moved,) = await rescue(connection, [executor_id], lambda token: fate, limits)
    assert moved["job_id"] == row["job_id"]
    return moved


@pytest.mark.parametrize("cancelled", [False, True], ids=["wanted", "cancelled"])
@pytest.mark.parametrize("fate", get_args(Fate))
@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_open_in_the_ledger_decides(connect: Connect, kind: str, fate: Fate, cancelled: bool) -> None:
    connection = await connect()
    moved = await lost(connection, kind, fate, cancelled=cancelled)
    job_id = moved["job_id"]
    expected = "IN_DOUBT" if KINDS[kind] else "CANCELLED" if cancelled else "READY"
    assert (moved["state"], await place(connection, job_id)) == (expected, expected)
    row = await ticket_of(connection, job_id)
    assert (row["losses"], row["unstarted"], row["retry_count"]) == (*CHARGES[fate][:2], 0)
    assert await outcomes(connection, job_id) == ["in_doubt" if KINDS[kind] else CHARGES[fate][2]]
    assert await connection.fetchval("select count(*) from easyflow.dead_letters") == 0
    if kind != "none":
        assert (await kept(connection, job_id))["state"] == "open"
    await assert_conserved(connection, 1)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("unsafe", "effect charge (unsafe): it may or may not have happened"),
        ("expired", "effect charge (keyed): the time its receiver remembers keys is over"),
    ],
)
async def test_the_history_of_a_doubt_says_which_effect_and_why(connect: Connect, kind: str, reason: str) -> None:
    connection = await connect()
    await lost(connection, kind, "started", cancelled=True)
    (event,) = await connection.fetch("select actor, reason, detail from easyflow.job_events where kind = 'in doubt'")
    assert tuple(event) == ("engine", reason, '{"cancel_requested": true}')
    attempt = await connection.fetchrow("select error_type, error_message from easyflow.attempts")
    assert attempt is not None
    assert tuple(attempt) == ("Lost", "its executor died while an effect was open; it is not repeated blindly")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("fate", "limits"), [("started", Limits(1, 10)), ("unstarted", Limits(3, 1))])
async def test_a_spent_budget_fails_a_job_only_when_nothing_is_in_doubt(
    connect: Connect, kind: str, fate: Fate, limits: Limits
) -> None:
    connection = await connect()
    moved = await lost(connection, kind, fate, limits=limits)
    assert moved["state"] == ("IN_DOUBT" if KINDS[kind] else "FAILED")
    assert await connection.fetchval("select count(*) from easyflow.dead_letters") == (not KINDS[kind])


async def test_an_attempt_lost_for_good_is_told_as_lost_although_its_job_was_to_be_cancelled(connect: Connect) -> None:
    connection = await connect()
    moved = await lost(connection, "none", "started", cancelled=True, limits=Limits(1, 10))
    assert (moved["state"], await place(connection, moved["job_id"])) == ("CANCELLED", "CANCELLED")
    assert await outcomes(connection, moved["job_id"]) == ["lost"]
    assert await connection.fetchval("select count(*) from easyflow.dead_letters") == 0


@pytest.mark.parametrize("declared", Effects)
async def test_the_class_of_a_task_alone_parks_nothing(connect: Connect, declared: Effects) -> None:
    connection = await connect()
    await register(connection, [TaskRow(TASK, declared, "default", 5, 60.0, "shared", "d", "", "{}", None)])
    assert (await lost(connection, "none", "started"))["state"] == "READY"


@pytest.mark.parametrize("state", ["happened", "did_not_happen"])
async def test_what_is_closed_is_no_doubt_and_is_kept_for_the_re_run(connect: Connect, state: str) -> None:
    connection = await connect()
    executor_id = await start_executor(connection)
    row = await claimed_job(connection, executor_id)
    await open_effect(connection, row)
    assert await close_effect(connection, row, state)
    await workers.retire(connection, executor_id)
    (moved,) = await rescue(connection, [executor_id], lambda token: "started", LIMITS)
    assert (moved["state"], (await kept(connection, row["job_id"]))["state"]) == ("READY", state)


async def test_one_unsafe_effect_among_others_is_enough_and_each_job_is_judged_by_its_own(connect: Connect) -> None:
    connection = await connect()
    executor_id = await start_executor(connection)
    rows = [await claimed_job(connection, executor_id) for _ in range(3)]
    for row in rows:
        await open_effect(connection, row, effects=Effects.KEYED)
    await open_effect(connection, rows[1], 2, name="refund")
    await workers.retire(connection, executor_id)
    await rescue(connection, [executor_id], lambda token: "bystander", LIMITS)
    assert [await place(connection, row["job_id"]) for row in rows] == ["READY", "IN_DOUBT", "READY"]
    reasons = await connection.fetch("select reason from easyflow.job_events")
    assert [row["reason"] for row in reasons] == ["effect refund (unsafe): it may or may not have happened"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_child_process_that_vanishes_is_judged_by_the_ledger_too(connect: Connect, kind: str) -> None:
    connection = await connect()
    row = await claimed_job(connection)
    await open_for_ever(connection, row, kind)
    (moved,) = await leases.end(connection, row["job_id"], [ending(row, VANISHED)])
    assert moved["state"] == ("IN_DOUBT" if KINDS[kind] else "READY")
    assert (await ticket_of(connection, row["job_id"]))["losses"] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("said", "state"), [(RETRY_LATER, "SCHEDULED"), (FAILED, "FAILED")])
async def test_an_attempt_stopped_in_a_process_of_its_own_ends_as_told_unless_something_is_in_doubt(
    connect: Connect, kind: str, said: PutBack | Failed, state: str
) -> None:
    connection = await connect()
    row = await claimed_job(connection)
    await open_for_ever(connection, row, kind)
    (moved,) = await leases.end(connection, row["job_id"], [ending(row, Stopped(said))])
    assert moved["state"] == ("IN_DOUBT" if KINDS[kind] else state)
    message = await connection.fetchval("select error_message from easyflow.attempts")
    assert message == "the amount is negative"

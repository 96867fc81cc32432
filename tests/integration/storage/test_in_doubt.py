"""Jobs in doubt: where they wait, what they hold meanwhile, and the one word of an operator that lets them go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from easyflow.domain.states import Effects
from easyflow.errors import Conflict, Missing, Stale
from easyflow.storage import effects, in_doubt, jobs
from easyflow.storage.admission import admit, keys_of
from easyflow.storage.in_doubt import Settlement
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import (
    DOUBT,
    assert_conserved,
    claim,
    concurrent,
    end,
    key,
    ordered,
    outcomes,
    place,
    submit,
    ticket_of,
)
from tests.support.intents import claimed_job, close_effect, kept, open_effect, reopen_effect
from tests.support.interleave import Stage
from tests.support.mutations import mutated


async def doubtful_job(connection: Connection, **facts: Any) -> asyncpg.Record:
    """A job whose attempt ended with an unsafe effect open; its claim."""
    row = await claimed_job(connection, **facts)
    await open_effect(connection, row)
    assert await end(connection, [row], DOUBT)
    return row


async def settle(
    connection: Connection, job_id: UUID, outcome: Settlement, *, version: int = 1, **more: Any
) -> list[asyncpg.Record]:
    async with connection.transaction():
        return await in_doubt.settle(
            connection, job_id, outcome=outcome, seen_version=version, reason="asked the bank", actor="ann", **more
        )


async def promote(connection: Connection) -> list[asyncpg.Record]:
    after = await connection.fetchval("select easyflow.clock()") - timedelta(hours=1)
    return await statement("promote_jobs").fetch(connection, after=after, max_jobs=100)


async def test_an_attempt_in_doubt_waits_with_its_counters_and_its_history(connect: Connect) -> None:
    connection = await connect()
    row = await doubtful_job(connection)
    job_id = row["job_id"]
    found = await ticket_of(connection, job_id)
    assert (found["state"], found["lease_no"], found["retry_count"], found["losses"]) == ("IN_DOUBT", 1, 0, 0)
    assert await outcomes(connection, job_id) == ["in_doubt"]
    attempt = await connection.fetchrow("select * from easyflow.attempts")
    assert attempt is not None
    assert (attempt["error_type"], attempt["traceback"]) == (DOUBT.fault.type, DOUBT.fault.traceback)
    assert attempt["finished_at"] - attempt["started_at"] == timedelta(seconds=0.25)
    (event,) = await connection.fetch("select kind, actor, reason, detail from easyflow.job_events")
    assert tuple(event) == ("in doubt", "engine", DOUBT.reason, None)
    assert await connection.fetchval("select count(*) from easyflow.dead_letters") == 0
    assert await promote(connection) == []
    assert await claim(connection) == []
    await assert_conserved(connection, 1)


async def test_a_job_in_doubt_holds_its_place_in_the_order_until_it_is_over(connect: Connect) -> None:
    connection = await connect()
    head, after = await submit(connection, ordered(), ordered())
    await admit(connection, [key(in_order=True)])
    (row,) = await claim(connection)
    await open_effect(connection, row)
    assert await admit(connection, keys_of(await end(connection, [row], DOUBT))) == []
    assert [await place(connection, job_id) for job_id in (head, after)] == ["IN_DOUBT", "BLOCKED"]
    assert await admit(connection, keys_of(await settle(connection, head, "did_not_happen"))) == []
    assert [row["job_id"] for row in await promote(connection)] == [head]
    assert [await place(connection, job_id) for job_id in (head, after)] == ["READY", "BLOCKED"]


@pytest.mark.parametrize("outcome", ["happened", "failed"])
async def test_a_settled_head_that_is_over_lets_the_next_of_its_order_go(connect: Connect, outcome: Settlement) -> None:
    connection = await connect()
    head, after = await submit(connection, ordered(), ordered())
    await admit(connection, [key(in_order=True)])
    await end(connection, await claim(connection), DOUBT)
    moved = await settle(connection, head, outcome, complete=outcome == "happened")
    assert [row["job_id"] for row in await admit(connection, keys_of(moved))] == [after]


async def test_a_job_in_doubt_gives_its_slot_back_and_is_admitted_again_when_settled(connect: Connect) -> None:
    connection = await connect()
    first, second = await submit(connection, concurrent(), concurrent())
    await admit(connection, [key()])
    accepted = await end(connection, await claim(connection), DOUBT)
    assert [row["job_id"] for row in await admit(connection, keys_of(accepted))] == [second]
    await settle(connection, first, "did_not_happen")
    assert [row["state"] for row in await promote(connection)] == ["BLOCKED"]
    assert await admit(connection, [key()]) == []
    await end(connection, await claim(connection))
    assert [row["job_id"] for row in await admit(connection, [key()])] == [first]


async def test_what_happened_is_recorded_and_the_job_goes_on_with_it(connect: Connect) -> None:
    connection = await connect()
    job_id = (await doubtful_job(connection))["job_id"]
    (moved,) = await settle(connection, job_id, "happened", result='{"receipt": 7}')
    assert (moved["state"], await place(connection, job_id)) == ("SCHEDULED", "SCHEDULED")
    found = await kept(connection, job_id)
    assert [found[name] for name in ("state", "result", "closed_by", "note")] == [
        "happened", '{"receipt": 7}', "ann", "asked the bank",
    ]  # fmt: skip
    assert [row["state"] for row in await promote(connection)] == ["READY"]
    (again,) = await claim(connection)
    told = await open_effect(connection, again)
    assert (again["lease_no"], told["state"], told["result"]) == (2, "happened", '{"receipt": 7}')
    assert await connection.fetchval("select count(*) from easyflow.results") == 0


async def test_what_did_not_happen_is_opened_again_by_the_next_attempt(connect: Connect) -> None:
    connection = await connect()
    job_id = (await doubtful_job(connection))["job_id"]
    await settle(connection, job_id, "did_not_happen")
    assert (await kept(connection, job_id))["state"] == "did_not_happen"
    await promote(connection)
    (again,) = await claim(connection)
    assert (await open_effect(connection, again))["state"] == "did_not_happen"
    assert await reopen_effect(connection, again)
    assert (await kept(connection, job_id))["tries"] == 2


async def test_a_job_may_be_complete_with_what_happened(connect: Connect) -> None:
    connection = await connect()
    job_id = (await doubtful_job(connection))["job_id"]
    (moved,) = await settle(connection, job_id, "happened", result='{"receipt": 7}', complete=True)
    job = await jobs.read(connection, job_id)
    assert (moved["state"], job["state"], job["result"]) == ("SUCCEEDED", "SUCCEEDED", '{"receipt": 7}')
    assert (await kept(connection, job_id))["state"] == "happened"
    await assert_conserved(connection, 1)


async def test_a_job_completed_without_a_result_has_none(connect: Connect) -> None:
    connection = await connect()
    job_id = (await doubtful_job(connection))["job_id"]
    await settle(connection, job_id, "happened", complete=True)
    assert (await jobs.read(connection, job_id))["result"] is None
    assert await connection.fetchval("select count(*) from easyflow.results") == 0


async def test_a_job_settled_as_failed_is_a_dead_letter_and_what_is_open_stays_so(connect: Connect) -> None:
    connection = await connect()
    job_id = (await doubtful_job(connection, payload='{"n": 1}', tags=["b", "a"], priority=4))["job_id"]
    (moved,) = await settle(connection, job_id, "failed")
    assert (moved["state"], await place(connection, job_id)) == ("FAILED", "FAILED")
    letter = await connection.fetchrow("select * from easyflow.dead_letters")
    assert letter is not None
    expected = {
        "job_id": job_id, "version": 1, "failures": 1, "state": "open", "reason": "settled as failed",
        "error_type": "SettledAsFailed", "error_message": "asked the bank", "tags": ["a", "b"], "payload": '{"n": 1}',
        "priority": 4, "lease_no": 1,
    }  # fmt: skip
    assert {name: letter[name] for name in expected} == expected
    assert (await kept(connection, job_id))["state"] == "open"
    assert await connection.fetchval("select count(*) from easyflow.results") == 0


async def test_a_failed_doubt_that_is_replayed_asks_again_and_its_letter_counts_on(connect: Connect) -> None:
    connection = await connect()
    job_id = (await doubtful_job(connection))["job_id"]
    await settle(connection, job_id, "failed")
    await acts.replay(connection, job_id, seen_version=1, payload=None, actor="ann", reason="again")
    (again,) = await claim(connection)
    assert (await open_effect(connection, again))["state"] == "open"
    await end(connection, [again], DOUBT)
    await settle(connection, job_id, "failed", version=2)
    letter = await connection.fetchrow("select version, failures, state, lease_no from easyflow.dead_letters")
    assert letter is not None
    assert tuple(letter) == (3, 2, "open", 2)


async def test_a_settlement_is_told_in_the_jobs_history_and_in_the_audit(connect: Connect) -> None:
    connection = await connect()
    job_id = (await doubtful_job(connection))["job_id"]
    await settle(connection, job_id, "happened", request_id="r1")
    (_, event) = await connection.fetch("select kind, actor, reason, detail from easyflow.job_events order by at, id")
    facts = '{"effects": ["charge"], "outcome": "happened", "complete": false}'
    assert tuple(event) == ("settled", "ann", "asked the bank", facts)
    (audit,) = await connection.fetch(
        "select act, object_id, before ->> 'version', after ->> 'state' from easyflow.audit"
    )
    assert tuple(audit) == ("settle", str(job_id), "1", "SCHEDULED")


@pytest.mark.parametrize("outcome", ["happened", "did_not_happen"])
async def test_only_what_is_open_is_closed_by_a_settlement(connect: Connect, outcome: Settlement) -> None:
    connection = await connect()
    row = await claimed_job(connection)
    for ordinal in (1, 2, 3):
        await open_effect(connection, row, ordinal, effects=Effects.KEYED if ordinal == 2 else Effects.UNSAFE)
    await close_effect(connection, row, ordinal=1)
    await end(connection, [row], DOUBT)
    await settle(connection, row["job_id"], outcome, result='"told"' if outcome == "happened" else None)
    found = await effects.read(connection, [row["job_id"]])
    assert [each["closed_by"] for each in found] == ["worker", "ann", "ann"]
    assert [each["state"] for each in found] == ["happened", outcome, outcome]
    assert found[0]["result"] == '{"n": 1}'


async def test_a_doubt_that_another_has_settled_is_refused_by_its_version_or_its_state(connect: Connect) -> None:
    connection = await connect()
    job_id = (await doubtful_job(connection))["job_id"]
    with pytest.raises(Stale, match="version 1 now, not 2"):
        await settle(connection, job_id, "happened", version=2)
    await settle(connection, job_id, "did_not_happen")
    with pytest.raises(Conflict, match="this one is SCHEDULED"):
        await settle(connection, job_id, "happened")
    await promote(connection)
    await end(connection, await claim(connection), DOUBT)
    with pytest.raises(Stale, match="version 2 now, not 1"):
        await settle(connection, job_id, "happened")
    with pytest.raises(Missing):
        await settle(connection, uuid4(), "happened")


async def test_of_two_who_settle_at_once_one_wins(connect: Connect) -> None:
    ann, bob = await Stage(connect).actors("ann", "bob")
    job_id = (await doubtful_job(ann.connection))["job_id"]
    async with ann.connection.transaction():
        await settle(ann.connection, job_id, "did_not_happen")
        step = await bob.start(settle(bob.connection, job_id, "happened", complete=True))
        assert step.blocked
    with pytest.raises(Conflict, match="this one is SCHEDULED"):
        await step.result()
    assert (await kept(ann.connection, job_id))["state"] == "did_not_happen"


async def test_without_the_lock_on_the_doubt_the_second_would_settle_what_is_gone(connect: Connect) -> None:
    ann, bob = await Stage(connect).actors("ann", "bob")
    job_id = (await doubtful_job(ann.connection))["job_id"]
    with mutated("lock_doubt", ("for update", "")):
        async with ann.connection.transaction():
            await settle(ann.connection, job_id, "did_not_happen")
            step = await bob.start(settle(bob.connection, job_id, "did_not_happen"))
        with pytest.raises(IndexError):
            await step.result()


@pytest.mark.parametrize("make", [concurrent, ordered])
async def test_a_job_in_doubt_can_be_cancelled_and_lets_go_what_it_held(connect: Connect, make: Any) -> None:
    connection = await connect()
    head, after = await submit(connection, make(), make())
    await admit(connection, [key(in_order=make is ordered)])
    (row,) = await claim(connection)
    await open_effect(connection, row)
    await end(connection, [row], DOUBT)
    assert await acts.cancel(connection, head) == "cancelled"
    assert await place(connection, head) == "CANCELLED"
    await admit(connection, [key(in_order=make is ordered)])
    assert await place(connection, after) == "READY"
    assert (await kept(connection, head))["state"] == "open"
    with pytest.raises(Conflict, match="this one is CANCELLED"):
        await settle(connection, head, "happened")


async def test_a_request_to_cancel_does_not_hide_a_doubt(connect: Connect) -> None:
    connection = await connect()
    row = await claimed_job(connection)
    await open_effect(connection, row)
    assert await acts.cancel(connection, row["job_id"]) == "requested"
    assert [moved["state"] for moved in await end(connection, [row], DOUBT)] == ["IN_DOUBT"]
    assert await connection.fetchval("select detail from easyflow.job_events where kind = 'in doubt'") == (
        '{"cancel_requested": true}'
    )

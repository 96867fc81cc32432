"""Dead letters: replayed or set aside on purpose, by one operator of two, and every act written down."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from easyflow.errors import Conflict, Missing, Stale
from easyflow.storage import dead_letters, jobs
from easyflow.storage.admission import admit
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import (
    DONE,
    FAILED,
    RETRY,
    assert_conserved,
    claim,
    concurrent,
    end,
    key,
    outcomes,
    place,
    run_through,
    submit,
    ticket_of,
)
from tests.support.interleave import Stage


async def replay(connection: Connection, job_id: UUID, seen_version: int = 1, **facts: Any) -> str:
    said = {"payload": None, "actor": "ann", "reason": "the bank is back", **facts}
    return await acts.replay(connection, job_id, seen_version=seen_version, **said)


async def discard(connection: Connection, job_id: UUID, seen_version: int = 1) -> int:
    return await acts.discard(connection, job_id, seen_version=seen_version, actor="bob", reason="paid by hand")


async def test_a_replay_runs_the_same_job_again_with_fresh_budgets(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, RETRY)
    await acts.run_now(connection, job_id, actor="ann", reason=None)
    await end(connection, await claim(connection), FAILED)
    assert await replay(connection, job_id) == "default"
    row = await ticket_of(connection, job_id)
    assert [row[name] for name in ("state", "retry_count", "losses", "unstarted", "replay_no", "lease_no")] == [
        "READY", 0, 0, 0, 1, 2,
    ]  # fmt: skip
    (claimed,) = await claim(connection)
    assert (claimed["job_id"], claimed["lease_no"], claimed["replay_no"]) == (job_id, 3, 1)
    await end(connection, [claimed])
    assert await outcomes(connection, job_id) == ["retried", "failed", "succeeded"]
    await assert_conserved(connection, 1)


async def test_of_two_operators_one_replays_and_the_other_is_told(connect: Connect) -> None:
    ann, bob = await Stage(connect).actors("ann", "bob")
    job_id = await run_through(ann.connection, FAILED)
    watching = ann.connection.transaction()
    await watching.start()
    await replay(ann.connection, job_id)
    late = await bob.start(discard(bob.connection, job_id))
    assert late.blocked
    await watching.commit()
    with pytest.raises(Stale) as told:
        await late.result()
    assert told.value.facts == {"version": 2}
    assert [row["act"] for row in await bob.connection.fetch("select act from easyflow.audit")] == ["replay"]


async def test_an_operator_who_rolls_back_leaves_the_letter_to_the_next(connect: Connect) -> None:
    ann, bob = await Stage(connect).actors("ann", "bob")
    job_id = await run_through(ann.connection, FAILED)
    watching = ann.connection.transaction()
    await watching.start()
    await replay(ann.connection, job_id)
    late = await bob.start(discard(bob.connection, job_id))
    await watching.rollback()
    assert await late.result() == 2
    assert await place(bob.connection, job_id) == "FAILED"


@pytest.mark.parametrize("act", [replay, discard])
async def test_an_act_on_what_was_seen_long_ago_is_stale_and_on_what_is_closed_a_conflict(
    connect: Connect, act: Any
) -> None:
    connection = await connect()
    job_id = await run_through(connection, FAILED)
    with pytest.raises(Stale):
        await act(connection, job_id, 7)
    await discard(connection, job_id)
    with pytest.raises(Stale):
        await act(connection, job_id, 1)
    with pytest.raises(Conflict, match="discarded"):
        await act(connection, job_id, 2)
    with pytest.raises(Missing):
        await act(connection, uuid4(), 1)


async def test_a_discarded_letter_leaves_its_job_failed_and_says_who_and_why(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, FAILED)
    assert await discard(connection, job_id) == 2
    letter = await dead_letters.read(connection, job_id)
    assert [letter[name] for name in ("state", "version", "closed_by", "closed_reason")] == [
        "discarded", 2, "bob", "paid by hand",
    ]  # fmt: skip
    assert await place(connection, job_id) == "FAILED"
    assert await claim(connection) == []


async def test_an_act_is_written_into_the_audit_and_the_history_of_the_job(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, FAILED)
    await replay(connection, job_id, payload='{"n": 2}', request_id="r-1")
    audit = await connection.fetchrow("select * from easyflow.audit")
    event = await connection.fetchrow("select * from easyflow.job_events")
    assert audit is not None
    assert event is not None
    assert [audit[name] for name in ("actor", "act", "object_kind", "object_id", "reason", "request_id")] == [
        "ann", "replay", "dead letter", str(job_id), "the bank is back", "r-1",
    ]  # fmt: skip
    assert json.loads(audit["before"]) == {"version": 1, "state": "open"}
    assert json.loads(audit["after"]) == {"version": 2, "state": "replayed", "revision": 1}
    assert (event["job_id"], event["kind"], event["actor"]) == (job_id, "replayed", "ann")


async def test_an_edited_payload_is_a_revision_and_the_submitted_one_stays(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, FAILED, payload='{"n": 1}')
    for n in (2, 3):
        await replay(connection, job_id, seen_version=2 * n - 3, payload=json.dumps({"n": n}))
        claimed = await claim(connection)
        assert [json.loads(row["payload"]) for row in claimed] == [{"n": n}]
        await end(connection, claimed, FAILED)
        assert json.loads((await dead_letters.read(connection, job_id))["payload"]) == {"n": n}
    assert await connection.fetchval("select payload from easyflow.jobs") == '{"n": 1}'
    revisions = await connection.fetch("select revision, payload, actor from easyflow.payload_revisions order by 1")
    assert [tuple(row) for row in revisions] == [(1, '{"n": 2}', "ann"), (2, '{"n": 3}', "ann")]
    assert json.loads((await jobs.read(connection, job_id))["payload"]) == {"n": 3}


async def test_a_replay_without_an_edit_keeps_the_last_revision(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, FAILED)
    await replay(connection, job_id, payload='{"n": 2}')
    await end(connection, await claim(connection), FAILED)
    await replay(connection, job_id, seen_version=3)
    assert [row["payload"] for row in await claim(connection)] == ['{"n": 2}']


async def test_a_payload_that_cannot_be_kept_replays_nothing(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, FAILED)
    with pytest.raises(asyncpg.DataError):
        await replay(connection, job_id, payload='"a\\u0000b"')
    assert await place(connection, job_id) == "FAILED"
    assert (await dead_letters.read(connection, job_id))["version"] == 1


async def test_a_second_failure_opens_the_same_letter_again(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, FAILED)
    await replay(connection, job_id)
    await end(connection, await claim(connection), FAILED)
    letter = await dead_letters.read(connection, job_id)
    assert [letter[name] for name in ("state", "version", "failures", "lease_no", "closed_by")] == [
        "open", 3, 2, 2, None,
    ]  # fmt: skip


async def test_a_replayed_job_that_succeeds_leaves_its_letter_replayed(connect: Connect) -> None:
    connection = await connect()
    job_id = await run_through(connection, FAILED)
    await replay(connection, job_id)
    await end(connection, await claim(connection), DONE)
    assert (await dead_letters.read(connection, job_id))["state"] == "replayed"
    with pytest.raises(Conflict):
        await replay(connection, job_id, seen_version=2)


async def test_a_replayed_job_with_a_key_queues_behind_what_waits_now(connect: Connect) -> None:
    connection = await connect()
    failed, running, waiting = await submit(connection, *(concurrent() for _ in range(3)))
    await admit(connection, [key()])
    await end(connection, await claim(connection), FAILED)
    await admit(connection, [key()])
    await replay(connection, failed)
    assert [await place(connection, each) for each in (running, waiting, failed)] == ["READY", "BLOCKED", "BLOCKED"]
    order = []
    for _ in range(3):
        claimed = await claim(connection)
        order += [row["job_id"] for row in claimed]
        await end(connection, claimed)
        await admit(connection, [key()])
    assert order == [running, waiting, failed]


async def test_a_replayed_job_with_a_free_key_is_let_go_at_once(connect: Connect) -> None:
    connection = await connect()
    (job_id,) = await submit(connection, concurrent())
    await admit(connection, [key()])
    await end(connection, await claim(connection), FAILED)
    await replay(connection, job_id)
    assert await place(connection, job_id) == "READY"

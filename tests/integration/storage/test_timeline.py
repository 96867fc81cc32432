"""Releasing the timeline guard: what an operator says was lost decides who is parked, and of two operators one wins."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import pytest

from easyflow.errors import Conflict, Invalid, Stale
from easyflow.storage import in_doubt, timeline
from easyflow.storage.admission import admit
from easyflow.storage.database import committed
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support import factories
from tests.support.factories import RETRY, claim, end, place, stop_clock, submit, ticket
from tests.support.lost_time import release, tripped, watched, window
from tests.support.waiting import until


@pytest.fixture
async def connection(connect: Connect) -> Connection:
    """A database that was found changed; tasks are named by their class."""
    return await watched(await connect())


async def places(connection: Connection, ids: list[UUID]) -> list[str | None]:
    return [await place(connection, each) for each in ids]


async def test_what_existed_in_the_lost_time_is_parked_wherever_it_waits_and_nothing_else(
    connection: Connection,
) -> None:
    unsafe = await submit(
        connection,
        ticket(task="unsafe"),
        ticket(task="unsafe", delay_seconds=60.0),
        ticket(task="unsafe", key="k", ordered=False),
    )
    others = await submit(
        connection, *(ticket(task=name) for name in ("pure", "transactional", "keyed", "queryable", "window"))
    )
    kept = await tripped(connection)
    lost = await window(connection)
    await stop_clock(connection, lost[1])
    (later,) = await submit(connection, ticket(task="unsafe"))
    version = await release(connection, kept.version, lost)
    assert await timeline.review(connection) == "watching"
    assert await places(connection, unsafe) == ["IN_DOUBT"] * 3
    assert await places(connection, [*others, later]) == ["READY"] * 6
    events = await connection.fetch("select job_id, kind, actor, reason, detail::text from easyflow.job_events")
    assert {row["job_id"] for row in events} == set(unsafe)
    assert {(row["kind"], row["actor"]) for row in events} == {("in doubt", "ann")}
    assert "ledger of that time may be incomplete" in events[0]["reason"]
    assert json.loads(events[0]["detail"])["release"] == version
    assert (await timeline.describe(connection))["parked"] == 3
    assert await connection.fetchval("select count(*) from easyflow.effects") == 0


async def test_a_key_that_the_receiver_has_forgotten_by_then_is_reviewed_like_an_unsafe_job(
    connection: Connection,
) -> None:
    due, remembered_then, forgotten_then = await submit(
        connection,
        ticket(task="window"),
        ticket(task="window", delay_seconds=60.0),
        ticket(task="window", delay_seconds=3000.0),
    )
    kept = await tripped(connection)
    await release(connection, kept.version, await window(connection, hours=0.5))
    assert await timeline.review(connection) == "watching"
    assert await places(connection, [due, remembered_then, forgotten_then]) == ["READY", "SCHEDULED", "IN_DOUBT"]
    kept = await tripped(connection)
    await release(connection, kept.version, await window(connection, hours=1.0))
    assert await timeline.review(connection) == "watching"
    assert await places(connection, [due, remembered_then, forgotten_then]) == ["IN_DOUBT"] * 3


async def test_a_release_is_done_when_claimed_jobs_have_ended_and_parks_those_that_come_back(
    connection: Connection,
) -> None:
    (job_id,) = await submit(connection, ticket(task="unsafe"))
    claimed = await claim(connection, tasks=["unsafe"])
    kept = await tripped(connection)
    await release(connection, kept.version, await window(connection))
    assert await timeline.review(connection) == "releasing"
    assert (await timeline.describe(connection))["running"] == 1
    await end(connection, claimed, RETRY)
    assert await place(connection, job_id) == "SCHEDULED"
    assert await timeline.review(connection) == "watching"
    assert await place(connection, job_id) == "IN_DOUBT"


async def test_what_an_operator_has_settled_meanwhile_is_not_parked_again(connection: Connection) -> None:
    settled, running = await submit(connection, ticket(task="unsafe"), ticket(task="unsafe", priority=-1))
    claimed = await claim(connection, tasks=["unsafe"])
    assert [row["job_id"] for row in claimed] == [running]
    kept = await tripped(connection)
    await release(connection, kept.version, await window(connection))
    assert await timeline.review(connection) == "releasing"
    assert await place(connection, settled) == "IN_DOUBT"
    async with committed(connection):
        await in_doubt.settle(
            connection, settled, outcome="did_not_happen", seen_version=0, reason="the bank says so", actor="ann"
        )
    assert await timeline.review(connection) == "releasing"
    assert await place(connection, settled) == "SCHEDULED"
    await end(connection, claimed)
    assert await timeline.review(connection) == "watching"
    assert await place(connection, settled) == "SCHEDULED"


async def test_the_head_of_an_ordering_key_keeps_its_key_and_a_concurrency_key_is_free(connection: Connection) -> None:
    heads = await submit(
        connection, ticket(task="unsafe", key="o", ordered=True), ticket(task="unsafe", key="c", ordered=False)
    )
    await admit(connection, [factories.key("o", in_order=True), factories.key("c")])
    kept = await tripped(connection)
    lost = await window(connection)
    await stop_clock(connection, lost[1])
    behind = await submit(
        connection, ticket(task="pure", key="o", ordered=True), ticket(task="pure", key="c", ordered=False)
    )
    await release(connection, kept.version, lost)
    assert await timeline.review(connection) == "watching"
    await admit(connection, [factories.key("o", in_order=True)])
    assert await places(connection, [*heads, *behind]) == ["IN_DOUBT", "IN_DOUBT", "BLOCKED", "READY"]
    rows = await connection.fetch("select key, holds_key from easyflow.parked where state = 'IN_DOUBT' order by key")
    assert [tuple(row) for row in rows] == [("c", False), ("o", True)]


async def test_of_two_operators_one_wins_and_the_act_is_audited_with_what_was_said(
    connection: Connection, connect: Connect
) -> None:
    kept = await tripped(connection)
    other = await connect()
    lost = await window(connection)
    answers = await asyncio.gather(
        release(connection, kept.version, lost), release(other, kept.version, None, "a guess"), return_exceptions=True
    )
    (refused,) = [answer for answer in answers if isinstance(answer, Exception)]
    assert isinstance(refused, Stale)
    assert refused.facts == {"version": kept.version + 1}
    (row,) = await connection.fetch(
        "select actor, act, object_kind, reason, before::text, after::text from easyflow.audit"
    )
    assert (row["actor"], row["act"], row["object_kind"]) == ("ann", "release timeline", "timeline")
    assert json.loads(row["before"]) == {"version": kept.version, "differences": ["it went back"]}
    assert json.loads(row["after"])["version"] == kept.version + 1


async def test_an_operator_who_has_not_seen_the_latest_finding_must_look_again(connection: Connection) -> None:
    watching = (await timeline.look(connection)).kept
    assert watching is not None
    seen = await tripped(connection)
    assert not await timeline.trip(connection, watching, actor="worker:2", said=["late"], epoch=1)
    latest = await tripped(connection)
    with pytest.raises(Stale) as refused:
        await release(connection, seen.version, None)
    assert refused.value.facts == {"version": latest.version}
    assert (await timeline.look(connection)).kept == latest
    assert await connection.fetchval("select count(*) from easyflow.audit") == 0


async def test_only_a_tripped_guard_is_released_and_only_for_a_time_that_makes_sense(connection: Connection) -> None:
    with pytest.raises(Conflict, match="not tripped"):
        await release(connection, 1, None)
    kept = await tripped(connection)
    first, last = await window(connection)
    with pytest.raises(Invalid, match="before it begins"):
        await release(connection, kept.version, (last, first))
    await release(connection, kept.version, (first, last))
    with pytest.raises(Stale):
        await release(connection, kept.version, (first, last))
    with pytest.raises(Conflict, match="released already"):
        await release(connection, kept.version + 1, (first, last))
    assert await connection.fetchval("select count(*) from easyflow.audit") == 1


async def test_nothing_lost_parks_nothing_and_waits_for_nobody(connection: Connection) -> None:
    ids = await submit(connection, ticket(task="unsafe"), ticket(task="unsafe"))
    await claim(connection, tasks=["unsafe"])
    kept = await tripped(connection)
    await release(connection, kept.version, None)
    assert await timeline.review(connection) == "watching"
    assert sorted(map(str, await places(connection, ids))) == ["READY", "RUNNING"]
    after = (await timeline.look(connection)).kept
    assert after is not None
    assert (after.epoch, after.state) == (kept.epoch + 1, "watching")


async def test_many_jobs_are_parked_in_transactions_of_a_thousand_by_whoever_helps(
    connection: Connection, connect: Connect
) -> None:
    await submit(connection, *(ticket(task="unsafe", delay_seconds=60.0 * (n % 2)) for n in range(4500)))
    await submit(connection, *(ticket(task="pure") for _ in range(500)))
    kept = await tripped(connection)
    await release(connection, kept.version, await window(connection))
    other = await connect()
    await asyncio.gather(timeline.review(connection, 10.0), timeline.review(other, 10.0))
    assert await timeline.review(connection, 10.0) == "watching"
    counted = await connection.fetch("select state, count(*) from easyflow.job_states group by state order by state")
    assert [tuple(row) for row in counted] == [("IN_DOUBT", 4500), ("READY", 500)]
    biggest = await connection.fetchval(
        "select max(n) from (select count(*) as n from easyflow.job_events group by xmin::text) as t"
    )
    assert biggest == timeline.CHUNK
    assert await connection.fetchval("select count(*) from easyflow.job_events") == 4500
    await factories.assert_conserved(connection, 5000)


async def test_a_trip_during_a_release_takes_its_word_back(connection: Connection) -> None:
    await submit(connection, ticket(task="unsafe"))
    await claim(connection, tasks=["unsafe"])
    kept = await tripped(connection)
    await release(connection, kept.version, await window(connection))
    again = await tripped(connection)
    assert (again.state, again.version) == ("tripped", kept.version + 2)
    assert await timeline.review(connection) == "tripped"
    described = await timeline.describe(connection)
    assert (described["lost_from"], described["released_by"]) == (None, None)
    assert described["differences"] == ["it went back"]


async def test_a_helper_whose_turn_comes_after_the_release_was_taken_back_parks_nothing(
    connection: Connection, connect: Connect
) -> None:
    (job_id,) = await submit(connection, ticket(task="unsafe"))
    kept = await tripped(connection)
    await release(connection, kept.version, await window(connection))
    helper = await connect()
    pid = await helper.fetchval("select pg_backend_pid()")
    async with connection.transaction():
        await connection.execute("update easyflow.timeline set state = 'tripped'")
        helping = asyncio.create_task(timeline.review(helper))

        async def waits() -> bool:
            return bool(await connection.fetchval("select pg_blocking_pids($1) <> '{}'", pid))

        await until(5, waits)
    assert await helping == "tripped"
    assert await place(connection, job_id) == "READY"

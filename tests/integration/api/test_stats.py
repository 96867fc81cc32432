"""Everything at a glance, over HTTP: each part says what is, and how far it was counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from easyflow.api import schemas, stats_schemas
from easyflow.domain.outcome import Failed, Fault
from easyflow.domain.states import State
from easyflow.storage import queues, stats, workers
from easyflow.storage.sql import Connection
from tests.support import acts
from tests.support.api import Api, places, problem, shaped
from tests.support.factories import (
    BACK,
    DONE,
    FAILED,
    TASK,
    birthday,
    claim,
    concurrent,
    end,
    run_through,
    start_executor,
    stop_clock,
    submit,
    submit_many,
    ticket,
)

MINUTE = timedelta(minutes=1)


async def overview(api: Api, **query: Any) -> stats_schemas.Overview:
    return shaped(await api.get("/stats/overview", **query), stats_schemas.Overview)


async def states(api: Api) -> dict[State, tuple[int, str]]:
    """The counts of all states, without those that are exactly nothing."""
    counted = (await overview(api)).states
    assert [each.state for each in counted] == list(State)
    return {each.state: (each.value, each.kind) for each in counted if (each.value, each.kind) != (0, "exact")}


async def queue(api: Api, name: str) -> schemas.QueueDepth:
    """A queue as the overview shows it, which is as the list of queues shows it."""
    shown = next(each for each in (await overview(api)).queues if each.name == name)
    listed = shaped(await api.get("/queues"), schemas.Listing[schemas.Queue]).items
    assert shown.model_dump().items() <= next(each for each in listed if each.name == name).model_dump().items()
    return shown


async def one_in_each_place(connection: Connection) -> None:
    await run_through(connection, DONE)
    await run_through(connection, FAILED)
    await submit(connection, ticket())
    await claim(connection)
    await submit(connection, ticket(), ticket(), ticket(delay_seconds=60.0), concurrent())


async def test_where_nothing_happened_there_is_nothing_and_nobody(api: Api) -> None:
    seen = await overview(api)
    assert {(each.value, each.kind) for each in [*seen.states, seen.dead_letters_open]} == {(0, "exact")}
    assert (seen.queues, seen.failures) == ([], [])
    assert set(seen.workers.model_dump().values()) == {0}
    assert len(seen.throughput.buckets) == 60
    assert {(each.succeeded, each.failed, each.cancelled) for each in seen.throughput.buckets} == {(0, 0, 0)}


async def test_jobs_are_counted_where_they_are(api: Api) -> None:
    await one_in_each_place(api.connection)
    job_id = await api.submit(delay_seconds=60)
    await api.post(f"/jobs/{job_id}/cancel")
    one = (1, "exact")
    assert await states(api) == {
        State.SUCCEEDED: one,
        State.FAILED: one,
        State.RUNNING: one,
        State.READY: (2, "exact"),
        State.SCHEDULED: one,
        State.BLOCKED: one,
        State.CANCELLED: one,
    }


async def test_counts_end_at_a_cap_and_more_successes_are_estimated(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "COUNTED_AT_MOST", 3)
    await submit_many(api.connection, 300)
    await end(api.connection, await claim(api.connection, 20), FAILED)
    await end(api.connection, await claim(api.connection, 180))
    await submit(api.connection, *(ticket(delay_seconds=60.0) for _ in range(3)))
    await api.connection.execute("vacuum analyze")
    assert await states(api) == {
        State.SUCCEEDED: (180, "estimate"),
        State.FAILED: (3, "capped"),
        State.READY: (3, "capped"),
        State.SCHEDULED: (3, "exact"),
    }
    seen = await overview(api)
    assert (seen.dead_letters_open.value, seen.dead_letters_open.kind) == (3, "capped")


async def test_successes_that_no_analyze_has_seen_are_estimated_by_the_size_of_their_table(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats, "COUNTED_AT_MOST", 100)
    await submit_many(api.connection, 2000)
    await end(api.connection, await claim(api.connection, 2000))
    value, kind = (await states(api))[State.SUCCEEDED]
    assert kind == "estimate"
    assert 1000 < value < 4000


async def test_a_queue_says_what_is_in_it_and_since_when(api: Api) -> None:
    start = await birthday(api.connection)
    for second, facts in ((5, {"priority": 0}), (3, {"priority": 7}), (9, {"priority": -7}), (8, {"queue": "letters"})):
        await stop_clock(api.connection, start + timedelta(seconds=second))
        await submit(api.connection, ticket(**facts))
    await submit(api.connection, ticket(delay_seconds=60.0), concurrent())
    await stop_clock(api.connection, start + timedelta(seconds=10))
    await claim(api.connection)
    await acts.change_queue(api.connection, "letters", actor="test", paused=True)
    seen = await queue(api, "default")
    assert (seen.ready, seen.running, seen.parked, seen.paused, seen.counts) == (2, 1, 2, False, "exact")
    assert seen.oldest_ready_at == start + timedelta(seconds=3)
    other = await queue(api, "letters")
    assert (other.ready, other.paused, other.oldest_ready_at) == (1, True, start + timedelta(seconds=8))


async def test_a_job_that_came_back_counts_from_its_return(api: Api) -> None:
    start = await birthday(api.connection)
    await stop_clock(api.connection, start)
    await submit(api.connection, ticket())
    claimed = await claim(api.connection)
    await stop_clock(api.connection, start + MINUTE)
    await submit(api.connection, ticket())
    await stop_clock(api.connection, start + 2 * MINUTE)
    await end(api.connection, claimed, BACK)
    assert (await queue(api, "default")).oldest_ready_at == start + MINUTE


async def test_of_a_long_queue_a_share_is_counted_and_it_says_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "COUNTED_TICKETS", 240)
    await submit_many(api.connection, 121)
    await submit_many(api.connection, 120, queue="letters")
    assert ((await queue(api, "default")).ready, (await queue(api, "default")).counts) == (120, "capped")
    assert ((await queue(api, "letters")).ready, (await queue(api, "letters")).counts) == (120, "exact")
    await claim(api.connection, 100, queues=["letters"])
    assert ((await queue(api, "letters")).running, (await queue(api, "letters")).ready) == (100, 20)


async def test_of_many_parked_jobs_the_oldest_are_counted_and_every_queue_says_so(api: Api) -> None:
    await submit_many(api.connection, 10_001, delay_seconds=60.0)
    await submit(api.connection, ticket(queue="letters"))
    assert ((await queue(api, "default")).parked, (await queue(api, "default")).counts) == (10_001, "capped")
    assert ((await queue(api, "letters")).ready, (await queue(api, "letters")).counts) == (1, "capped")
    assert (await states(api))[State.SCHEDULED] == (10_000, "capped")


async def test_workers_are_told_apart_by_what_they_last_said(api: Api) -> None:
    start = await birthday(api.connection)
    for minutes, state in ((-90, "live"), (-30, "live"), (-30, "stopped"), (0, "draining"), (0, "live"), (0, "live")):
        await stop_clock(api.connection, start + minutes * MINUTE)
        worker_id = uuid4()
        executor_id = await start_executor(api.connection, worker_id=worker_id)
        await workers.register(api.connection, worker_id, host="h", pid=1, version="0", queues=["q"], tasks=[TASK])
        await workers.set_state(api.connection, worker_id, state)
    await submit_many(api.connection, 2)
    await claim(api.connection, 2, executor_id=executor_id)
    seen = (await overview(api)).workers
    assert seen == stats_schemas.Fleet(live=2, draining=1, silent=1, executors=3, running=2)


async def test_throughput_is_told_by_the_minute_up_to_the_one_that_runs(api: Api) -> None:
    start = await birthday(api.connection)
    for seconds, outcome in ((0, DONE), (59, DONE), (60, FAILED), (61, DONE), (130, DONE)):
        await stop_clock(api.connection, start + timedelta(seconds=seconds))
        await run_through(api.connection, outcome)
    job_id = await api.submit()
    await api.post(f"/jobs/{job_id}/cancel")
    seen = await overview(api, minutes=4)
    assert seen.at == start + timedelta(seconds=130)
    assert seen.throughput.bucket_seconds == 60
    assert [tuple(each.model_dump().values()) for each in seen.throughput.buckets] == [
        (start - MINUTE, 0, 0, 0),
        (start, 2, 0, 0),
        (start + MINUTE, 1, 1, 0),
        (start + 2 * MINUTE, 1, 0, 1),
    ]


@pytest.mark.parametrize("minutes", [1, 1440])
async def test_so_many_minutes_are_told_as_were_asked_for(api: Api, minutes: int) -> None:
    assert len((await overview(api, minutes=minutes)).throughput.buckets) == minutes


@pytest.mark.parametrize("query", [{"minutes": 0}, {"minutes": 1441}, {"minutes": "x"}, {"minutes": 1.5}])
async def test_other_minutes_are_refused(api: Api, query: dict[str, Any]) -> None:
    assert places(problem(await api.get("/stats/overview", **query), 422, "invalid")) == ["minutes"]


async def fail(api: Api, kind: str, message: str, code: str | None, at: datetime) -> str:
    """Let a job fail; its id."""
    await stop_clock(api.connection, at)
    return str(await run_through(api.connection, Failed("attempts exhausted", Fault(kind, message, code=code))))


async def test_failures_of_one_cause_are_told_together_the_most_frequent_first(api: Api) -> None:
    start = await birthday(api.connection)
    await fail(api, "Timeout", "the bank is slow", "slow", start)
    latest = await fail(api, "Timeout", "the bank is very slow", "slow", start + 2 * MINUTE)
    await fail(api, "Timeout", "the bank is down", "down", start + MINUTE)
    rare = await fail(api, "ValueError", "negative", None, start + 3 * MINUTE)
    discarded = await fail(api, "ValueError", "negative", None, start + 4 * MINUTE)
    await api.post(f"/dead-letters/{discarded}/discard", {"reason": "a test", "seen_version": 1})
    first, second, third = (await overview(api)).failures
    assert first.model_dump() == {
        "task": TASK,
        "error_type": "Timeout",
        "error_code": "slow",
        "message": "the bank is very slow",
        "count": 2,
        "kind": "exact",
        "first_failed_at": start,
        "last_failed_at": start + 2 * MINUTE,
        "sample_job_id": latest,
    }
    assert (second.error_code, second.count, second.sample_job_id) == (None, 1, rare)
    assert third.error_code == "down"


async def test_causes_are_looked_for_among_the_newest_dead_letters_and_the_answer_says_so(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats, "COUNTED_AT_MOST", 2)
    for _ in range(3):
        await run_through(api.connection, FAILED)
    (cause,) = (await overview(api)).failures
    assert (cause.count, cause.kind) == (2, "capped")


async def test_ten_causes_are_told_and_a_long_message_is_cut(api: Api) -> None:
    start = await birthday(api.connection)
    for number in range(11):
        await fail(api, "Timeout", "x" * 900, f"c{number}", start + number * MINUTE)
    causes = (await overview(api)).failures
    assert [each.error_code for each in causes] == [f"c{number}" for number in range(10, 0, -1)]
    assert {len(each.message or "") for each in causes} == {500}

"""Concurrency and ordering keys: who waits, who goes next, and who keeps the key in between."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from easyflow.domain.outcome import PutBack
from easyflow.storage.admission import FIRST_KEY, admit, keys_of, sweep
from easyflow.storage.enqueue import NewTicket
from easyflow.storage.sql import Connection, statement
from tests.conftest import Connect
from tests.support import acts
from tests.support.factories import (
    BACK,
    DONE,
    FAILED,
    FAULT,
    RETRY,
    RETRY_LATER,
    SNOOZE,
    assert_conserved,
    claim,
    concurrent,
    end,
    key,
    ordered,
    place,
    submit,
)

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


async def places(connection: Connection, job_ids: list[UUID]) -> list[str | None]:
    return [await place(connection, job_id) for job_id in job_ids]


async def promote(connection: Connection) -> list[asyncpg.Record]:
    return await statement("promote_jobs").fetch(connection, after=LONG_AGO, max_jobs=100)


@pytest.mark.parametrize("make", [concurrent, ordered])
async def test_a_key_lets_one_job_go_unless_its_queue_says_more(
    connect: Connect, make: Callable[..., NewTicket]
) -> None:
    connection = await connect()
    given = await submit(connection, *(make() for _ in range(3)))
    assert await places(connection, given) == ["BLOCKED"] * 3
    moved = await admit(connection, [key(in_order=make is ordered)])
    assert [(row["job_id"], row["queue"]) for row in moved] == [(given[0], "default")]
    assert await admit(connection, [key(in_order=make is ordered)]) == []
    assert await places(connection, given) == ["READY", "BLOCKED", "BLOCKED"]


async def test_a_queue_may_let_several_jobs_of_a_key_run_but_an_order_has_one_head(connect: Connect) -> None:
    connection = await connect()
    await acts.change_queue(connection, "default", actor="ann", concurrency_per_key=2)
    free = await submit(connection, *(concurrent() for _ in range(3)))
    row = await submit(connection, *(ordered() for _ in range(3)))
    await admit(connection, [key(), key(in_order=True)])
    assert await places(connection, free) == ["READY", "READY", "BLOCKED"]
    assert await places(connection, row) == ["READY", "BLOCKED", "BLOCKED"]


async def test_a_key_belongs_to_its_queue_and_to_its_kind(connect: Connect) -> None:
    connection = await connect()
    given = await submit(connection, concurrent(), concurrent(queue="other"), ordered())
    await admit(connection, [key(), key(queue="other"), key(in_order=True)])
    assert await places(connection, given) == ["READY"] * 3


@pytest.mark.parametrize("outcome", [DONE, FAILED], ids=["done", "failed"])
@pytest.mark.parametrize("make", [concurrent, ordered])
async def test_a_job_that_is_over_lets_the_next_go(
    connect: Connect, make: Callable[..., NewTicket], outcome: PutBack
) -> None:
    connection = await connect()
    given = await submit(connection, *(make() for _ in range(2)))
    await admit(connection, [key(in_order=make is ordered)])
    accepted = await end(connection, await claim(connection, 5), outcome)
    await admit(connection, keys_of(accepted))
    assert await place(connection, given[1]) == "READY"


@pytest.mark.parametrize("outcome", [RETRY_LATER, SNOOZE], ids=["retry", "snooze"])
async def test_the_head_of_an_order_keeps_its_key_while_it_waits(connect: Connect, outcome: PutBack) -> None:
    connection = await connect()
    head, after = await submit(connection, ordered(), ordered())
    await admit(connection, [key(in_order=True)])
    accepted = await end(connection, await claim(connection), outcome)
    assert await admit(connection, keys_of(accepted)) == []
    await acts.run_now(connection, head, actor="ann", reason=None)
    assert await places(connection, [head, after]) == ["READY", "BLOCKED"]


async def test_a_head_that_waits_keeps_nobody_but_its_own_order_waiting(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, ordered())
    await admit(connection, [key(in_order=True)])
    await end(connection, await claim(connection), RETRY_LATER)
    others = await submit(connection, ordered(queue="other"), ordered("another"), concurrent())
    await admit(connection, [key(in_order=True, queue="other"), key("another", in_order=True), key()])
    assert await places(connection, others) == ["READY"] * 3


async def test_a_job_that_runs_keeps_nobody_but_its_own_key_waiting(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, concurrent(), ordered("another"))
    await admit(connection, [key(), key("another", in_order=True)])
    assert len(await claim(connection, 2)) == 2
    others = await submit(connection, concurrent(queue="other"), concurrent("another"), ordered(), concurrent())
    await admit(connection, [key(queue="other"), key("another"), key(in_order=True), key()])
    assert await places(connection, others) == ["READY"] * 3 + ["BLOCKED"]


async def test_what_a_queue_allows_is_allowed_in_no_other(connect: Connect) -> None:
    connection = await connect()
    await acts.change_queue(connection, "generous", actor="ann", concurrency_per_key=2)
    await acts.change_queue(connection, "default", actor="ann", concurrency_per_key=1)
    given = await submit(connection, *(concurrent(queue=queue) for queue in ("generous", "default") for _ in range(2)))
    await admit(connection, [key(queue="generous"), key()])
    assert await places(connection, given) == ["READY", "READY", "READY", "BLOCKED"]


async def test_the_head_of_an_order_goes_on_by_itself_when_its_retry_is_due(connect: Connect) -> None:
    connection = await connect()
    head, after = await submit(connection, ordered(), ordered())
    await admit(connection, [key(in_order=True)])
    await end(connection, await claim(connection), RETRY)
    assert [(row["job_id"], row["state"]) for row in await promote(connection)] == [(head, "READY")]
    assert await places(connection, [head, after]) == ["READY", "BLOCKED"]


async def test_a_job_with_a_concurrency_key_gives_its_slot_back_while_it_waits_for_a_retry(connect: Connect) -> None:
    connection = await connect()
    first, second = await submit(connection, concurrent(), concurrent())
    await admit(connection, [key()])
    accepted = await end(connection, await claim(connection), RETRY)
    await admit(connection, keys_of(accepted))
    assert await places(connection, [first, second]) == ["SCHEDULED", "READY"]
    assert [row["state"] for row in await promote(connection)] == ["BLOCKED"]
    await admit(connection, [key()])
    assert await places(connection, [first, second]) == ["BLOCKED", "READY"]


async def test_a_job_that_is_handed_back_keeps_its_slot(connect: Connect) -> None:
    connection = await connect()
    given = await submit(connection, concurrent(), concurrent())
    await admit(connection, [key()])
    accepted = await end(connection, await claim(connection), BACK)
    assert await admit(connection, keys_of(accepted)) == []
    assert await places(connection, given) == ["READY", "BLOCKED"]


async def test_a_scheduled_job_takes_its_place_in_the_order_when_it_is_due(connect: Connect) -> None:
    connection = await connect()
    later, sooner = await submit(connection, ordered(delay_seconds=0.001), ordered())
    assert [row["job_id"] for row in await admit(connection, [key(in_order=True)])] == [sooner]
    assert [(row["job_id"], row["state"]) for row in await promote(connection)] == [(later, "BLOCKED")]
    assert await places(connection, [later, sooner]) == ["BLOCKED", "READY"]


async def test_the_sweep_finds_every_key_that_waits_and_begins_again_at_the_end(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, *(concurrent(f"k{n:02}", queue=f"q{n % 3}") for n in range(10) for _ in range(2)))
    await submit(connection, *(ordered(f"k{n:02}", queue="q1") for n in range(10)))
    moved: list[asyncpg.Record] = []
    sizes: list[int] = []
    after = FIRST_KEY
    while not sizes or after != FIRST_KEY:
        more, after = await sweep(connection, after, max_keys=6)
        moved += more
        sizes.append(len(more))
    assert sizes == [6, 6, 6, 2]
    assert len({row["job_id"] for row in moved}) == 20
    assert await sweep(connection, FIRST_KEY) == ([], FIRST_KEY)


async def test_keys_without_jobs_are_removed_and_made_again(connect: Connect) -> None:
    connection = await connect()
    await submit(connection, concurrent("ready"), concurrent("running", priority=-1), concurrent("gone", priority=-2))
    await admit(connection, [key("ready"), key("running"), key("gone"), key("never"), key("blocked")])
    over, _ = await claim(connection, 2)
    await end(connection, [over])
    await submit(connection, concurrent("blocked"))
    row = await statement("remove_idle_keys").fetchrow(connection, max_keys=10)
    assert row is not None
    assert row["removed"] == 2
    left = await connection.fetch("select key from easyflow.keys order by key")
    assert [row["key"] for row in left] == ["blocked", "ready", "running"]
    (again,) = await submit(connection, concurrent("gone"))
    await admit(connection, [key("gone")])
    assert await place(connection, again) == "READY"


async def test_jobs_let_go_together_are_claimed_in_their_order(connect: Connect) -> None:
    connection = await connect()
    await acts.change_queue(connection, "default", actor="ann", concurrency_per_key=4)
    given = await submit(connection, *(concurrent() for _ in range(6)))
    await admit(connection, [key()])
    assert [row["job_id"] for row in await claim(connection, 10)] == given[:4]


class Watch:
    """What really ran: how many jobs of a key at once, and in which order they ended."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running: Counter[str] = Counter()
        self.over: list[str] = []
        self.ended: dict[str, list[UUID]] = defaultdict(list)
        self.heads: dict[str, UUID] = {}

    def begin(self, row: asyncpg.Record) -> None:
        self.running[row["key"]] += 1
        if self.running[row["key"]] > (1 if row["ordered"] else self.limit):
            self.over.append(row["key"])
        if row["ordered"] and self.heads.setdefault(row["key"], row["job_id"]) != row["job_id"]:
            self.over.append(f"{row['key']} out of order")

    def finish(self, row: asyncpg.Record, over: bool) -> None:
        self.running[row["key"]] -= 1
        if over:
            self.ended[row["key"]].append(row["job_id"])
            self.heads.pop(row["key"], None)


async def work(connection: Connection, watch: Watch, jobs_left: list[int], chance: random.Random) -> None:
    while jobs_left[0]:
        claimed = await claim(connection, chance.randint(1, 8))
        for row in claimed:
            watch.begin(row)
        again = [row for row in claimed if chance.random() < 0.2]
        done = [row for row in claimed if row not in again]
        for row in claimed:
            watch.finish(row, row in done)
        accepted = await end(connection, done)
        accepted += await end(connection, again, PutBack("retried", 0.0, FAULT))
        jobs_left[0] -= len(done)
        await admit(connection, keys_of(accepted))
        await admit(connection, keys_of(row for row in await promote(connection) if row["state"] == "BLOCKED"))


async def test_eight_workers_keep_every_limit_and_every_order_and_leave_nothing_behind(connect: Connect) -> None:
    workers = [await connect() for _ in range(8)]
    await acts.change_queue(workers[0], "default", actor="ann", concurrency_per_key=3)
    tickets = [make(f"{make.__name__}-{n % 12}") for n in range(240) for make in (concurrent, ordered)]
    given = await submit(workers[0], *tickets)
    await admit(workers[0], {key(t.key or "", in_order=bool(t.ordered)) for t in tickets})
    watch, left = Watch(limit=3), [len(given)]
    async with asyncio.timeout(30):
        await asyncio.gather(*(work(each, watch, left, random.Random(n)) for n, each in enumerate(workers)))
    assert watch.over == []
    expected: dict[str, list[UUID]] = defaultdict(list)
    for t in tickets:
        if t.ordered:
            expected[t.key or ""].append(t.id)
    assert {name: watch.ended[name] for name in expected} == expected
    await assert_conserved(workers[0], len(given))
    assert await workers[0].fetchval("select count(*) from easyflow.finished") == len(given)

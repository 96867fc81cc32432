"""What may not run at the same time does not, over two workers with two executors each, and nothing is ever stuck."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from uuid import UUID

import asyncpg
import pytest

from easyflow.local.postgres import LocalPostgres
from tests.support.postgres import fresh_database
from tests.support.site import Site, job, open_site
from tests.support.trace import most_at_once
from tests.support.waiting import until
from tests.support.worker import running_worker

QUEUES = "default,narrow,keyed"


@pytest.fixture(scope="module")
async def site(
    postgres_server: LocalPostgres, database_admin: asyncpg.Connection, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """A database for these two workers alone."""
    async with (
        fresh_database(database_admin, postgres_server) as url,
        open_site(url, tmp_path_factory.mktemp("site")) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def executors(site: Site) -> Iterator[list[int]]:
    """Two workers; the process ids of all their executors."""
    with (
        running_worker(site.url, site.trace, queues=QUEUES, concurrency=10) as one,
        running_worker(site.url, site.trace, queues=QUEUES, concurrency=10) as other,
    ):
        yield [*one.executors(), *other.executors()]


async def test_a_queues_limit_holds_over_all_executors(site: Site, executors: list[int]) -> None:
    # More than one executor can run at once, so that one alone cannot keep within it.
    await site.change_queue("narrow", concurrency=13)
    await until_heard(site, len(executors))
    ids = await site.submit_all(job("test.pure", {"seconds": 0.3}, queue="narrow") for _ in range(100))
    assert set(await site.until_ended(*ids, seconds=30)) == {"SUCCEEDED"}
    events = site.trace.of_jobs(ids)
    assert most_at_once(events) == 13
    assert len({each["pid"] for each in events} & set(executors)) > 1


async def until_heard(site: Site, executors: int) -> None:
    """Wait until every executor has claimed from a queue with a limit, and so no longer as if it had none.

    Only such a claim is a transaction of several statements: its end is the last that its connection has said.
    """
    heard: set[int] = set()

    async def by_all() -> bool:
        rows = await site.connection.fetch(
            "select pid from pg_stat_activity where datname = current_database()"
            " and application_name = 'easyflow claim' and query ilike 'commit%'"
        )
        heard.update(row["pid"] for row in rows)
        return len(heard) == executors

    await until(20, by_all, lambda: f"only {len(heard)} of {executors} executors have heard of it")


async def test_a_limited_queue_does_not_wait_for_the_next_poll(own_site: Site) -> None:
    await own_site.change_queue("narrow", concurrency=1)
    with running_worker(own_site.url, own_site.trace, queues="narrow", concurrency=10, poll_seconds=4):
        ids = await own_site.submit_all(job("test.pure", queue="narrow") for _ in range(60))
        assert set(await own_site.until_ended(*ids, seconds=60)) == {"SUCCEEDED"}
    events = own_site.trace.events()
    assert most_at_once(events) == 1
    # Executors that poll so rarely are still woken by every turn of their supervisor: 60 * 0.25 s, were it that alone.
    assert events[-1]["at"] - events[0]["at"] < 7.5


async def test_keys_are_never_over_their_limit_never_stuck_and_in_order_under_retries(
    site: Site, executors: list[int]
) -> None:
    assert len(executors) == 4
    await site.change_queue("keyed", concurrency_per_key=2)
    chance = random.Random(20)
    wanted = []
    for n in range(1000):
        payload = {"label": f"{n:04}", "failures": int(chance.random() < 0.04), "seconds": chance.choice([0, 0, 0.01])}
        wanted.append(job("test.pure", payload, queue="keyed", key=f"k{n % 20}", ordered=n % 2 == 0))
    ids = await site.submit_all(wanted)
    assert set(await site.until_ended(*ids, seconds=55)) == {"SUCCEEDED"}
    of_key: dict[str, list[UUID]] = {}
    for each in wanted:
        of_key.setdefault(str(each.key), []).append(each.id)
    assert len(of_key) == 20
    for key, members in of_key.items():
        events = site.trace.of_jobs(members)
        assert sum(each["event"] == "end" for each in events) == 50
        if int(key[1:]) % 2:
            assert most_at_once(events) == 2
        else:
            assert most_at_once(events) == 1
            labels = [each["label"] for each in sorted(events, key=lambda e: e["at"]) if each["event"] == "end"]
            assert labels == sorted(labels)
    left = await site.connection.fetchval("select count(*) from easyflow.parked")
    assert left == 0
    await site.assert_conserved()


async def test_a_failed_head_of_an_order_lets_the_next_go(site: Site, executors: list[int]) -> None:
    assert len(executors) == 4
    head = await site.submit("test.pure", {"failures": 9}, max_attempts=2, queue="keyed", key="o", ordered=True)
    behind = await site.submit("test.pure", queue="keyed", key="o", ordered=True)
    assert await site.until_ended(head, behind) == ["FAILED", "SUCCEEDED"]
    last_word = site.trace.events("failed", head)[-1]
    assert site.trace.events("start", behind)[0]["at"] > last_word["at"]


async def test_what_is_more_urgent_starts_first(own_site: Site) -> None:
    await own_site.change_queue("default", paused=True)
    priorities = [0, 3, -2, 3, 0, -7, 1, -2]
    ids = await own_site.submit_all(job("test.pure", {"seconds": 0.02}, priority=priority) for priority in priorities)
    with running_worker(own_site.url, own_site.trace, executors=1, concurrency=1):
        await own_site.change_queue("default", paused=False)
        assert set(await own_site.until_ended(*ids)) == {"SUCCEEDED"}
    started = [UUID(each["job"]) for each in own_site.trace.events("start")]
    assert started == [ids[n] for n in sorted(range(8), key=lambda n: (priorities[n], n))]
    for earlier, later in pairwise(own_site.trace.events("start")):
        assert earlier["at"] < later["at"]

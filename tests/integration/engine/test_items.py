"""Items between handlers: what a step emits a map goes over once, whatever dies, and each item has its own outcome."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from easyflow.local.postgres import LocalPostgres
from easyflow.storage.notifications import notify_ready
from easyflow.storage.rescue import Limits, rescue
from tests.support.emitted import kept
from tests.support.item_tasks import KINDS
from tests.support.postgres import fresh_database
from tests.support.runs import begin, run_of, step, workflow
from tests.support.site import Site, open_site
from tests.support.waiting import until
from tests.support.worker import MODULES, Worker, running_worker

ITEMS = 10_000


@pytest.fixture(scope="module")
async def site(
    postgres_server: LocalPostgres, database_admin: asyncpg.Connection, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """A database of its own: other workers do not know these tasks."""
    async with (
        fresh_database(database_admin, postgres_server) as url,
        open_site(url, tmp_path_factory.mktemp("items")) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def shared_worker(site: Site) -> Iterator[Worker]:
    """A worker for the tests of this file."""
    with running_worker(site.url, site.trace, modules=(*MODULES, "tests.support.item_tasks")) as running:
        yield running


def handing_over(kind: str, **batches: Any) -> dict[str, Any]:
    """A step that emits, and a map in batches over what it emitted."""
    return workflow(
        step("parse", task=f"test.feed_{kind}", input="${input}"),
        step("each", "parse", task="test.judge_async", map={"items_of": "parse", "batch_size": 500, **batches}),
        name=f"feed_{kind}",
        output="${steps.each.result}",
    )


async def start(site: Site, document: dict[str, Any], given: Any) -> UUID:
    """Start a run and wake the worker; its id."""
    run = await begin(site.connection, document, given)
    await notify_ready(site.connection, ["default"])
    return run.id


async def until_over(site: Site, run_id: UUID, seconds: float = 40.0) -> asyncpg.Record:
    """Wait until a run is over; its row."""

    async def over() -> bool:
        return (await run_of(site.connection, run_id))["finished_at"] is not None

    await until(seconds, over, lambda: f"run {run_id} is not over")
    return await run_of(site.connection, run_id)


async def parsing_job(site: Site, run_id: UUID) -> UUID:
    """The job of a run's first step."""
    job_id: UUID = await site.connection.fetchval(
        "select job_id from easyflow.run_steps where run_id = $1 and step_no = 0", run_id
    )
    return job_id


async def outcomes(site: Site, run_id: UUID, step_no: int) -> list[tuple[str, str | None, Any]]:
    """What became of each item of a map, in order: state, reason, result; fails when one is missing."""
    rows = await site.connection.fetch(
        """select item_no, state, reason, result::text from easyflow.run_outcomes
           where run_id = $1 and step_no = $2 order by item_no""",
        run_id,
        step_no,
    )
    assert [row["item_no"] for row in rows] == list(range(len(rows)))
    return [(row["state"], row["reason"], row["result"] and json.loads(row["result"])) for row in rows]


def expected(n: int) -> tuple[str, str | None, Any]:
    """What becomes of an item with this number."""
    return ("FAILED", f"{n} is bad", None) if n % 100 == 99 else ("SUCCEEDED", None, {"double": n * 2})


@pytest.mark.parametrize("kind", KINDS)
async def test_ten_thousand_items_reach_the_map_each_once_and_in_order(site: Site, worker: Worker, kind: str) -> None:
    run_id = await start(site, handing_over(kind, tolerated_percent=2), {"items": ITEMS, "calls": 4})
    run = await until_over(site, run_id)
    assert (run["state"], run["reason"]) == ("SUCCEEDED", None)
    assert json.loads(run["output"]) == {"total": ITEMS, "succeeded": ITEMS - 100, "failed": 100}
    assert await kept(site.connection, run_id) == {1: [{"n": n} for n in range(ITEMS)]}
    assert await outcomes(site, run_id, 1) == [expected(n) for n in range(ITEMS)]
    (told,) = site.trace.events("start", await parsing_job(site, run_id))
    assert told["run"] == str(run_id)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_process_killed_in_the_middle_of_emitting_leaves_nothing_double(
    site: Site, worker: Worker, kind: str
) -> None:
    given = {"items": 1000, "calls": 2, "first": "endless"}
    run_id = await start(site, handing_over(kind, tolerated_failures=10), given)
    job_id = await parsing_job(site, run_id)
    await site.until_traced("emitted", job_id, times=5)
    (told,) = site.trace.events("start", job_id)
    os.kill(told["pid"], signal.SIGKILL)
    assert (await until_over(site, run_id))["state"] == "SUCCEEDED"
    by_lease = await kept(site.connection, run_id)
    last = by_lease.popitem()
    assert last[1] == [{"n": n} for n in range(1000)]
    # What the first attempt left is there, unless it was in its transaction, and the map has seen none of it.
    assert [len(left) >= 500 for left in by_lease.values()] == ([] if kind == "transactional" else [True])
    assert await outcomes(site, run_id, 1) == [expected(n) for n in range(1000)]
    await site.assert_conserved()


@pytest.mark.parametrize("kind", ["async", "apart", "transactional"])
async def test_an_attempt_that_lost_its_claim_is_told_at_its_next_call(site: Site, worker: Worker, kind: str) -> None:
    given = {"items": 10, "calls": 1, "first": "endless"}
    run_id = await start(site, handing_over(kind), given)
    job_id = await parsing_job(site, run_id)
    await site.until_traced("emitted", job_id, times=2)
    executor_id = await site.connection.fetchval("select executor_id from easyflow.leases where job_id = $1", job_id)
    assert await rescue(site.connection, [executor_id], lambda token: "unknown", Limits(3, 10))
    assert (await until_over(site, run_id))["state"] == "SUCCEEDED"
    await site.until_traced("lost", job_id)
    assert await outcomes(site, run_id, 1) == [expected(n) for n in range(10)]


def over_a_list(kind: str, **facts: Any) -> dict[str, Any]:
    """One map in batches over a list."""
    batches = {"items": "${input.list}", "batch_size": 500, **facts}
    each = step("each", task=f"test.judge_{kind}", map=batches)
    return workflow(each, name=f"judge_{kind}", output="${steps.each.result}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dies", [False, True], ids=["at its first attempt", "alone, behind one that died"])
async def test_each_item_of_a_batch_has_an_outcome_of_its_own(
    site: Site, worker: Worker, kind: str, dies: bool
) -> None:
    listed = [{"n": n, "dies": dies and n == 3} for n in range(700)]
    run_id = await start(site, over_a_list(kind, tolerated_failures=7), {"list": listed})
    run = await until_over(site, run_id)
    assert (run["state"], json.loads(run["output"])) == ("SUCCEEDED", {"total": 700, "succeeded": 693, "failed": 7})
    counted = await site.connection.fetchrow(
        "select items, made, succeeded, failed, state from easyflow.run_steps where run_id = $1", run_id
    )
    assert counted is not None
    assert tuple(counted) == (700, 700, 693, 7, "SUCCEEDED")
    assert await outcomes(site, run_id, 0) == [expected(n) for n in range(700)]


async def test_one_failed_item_more_than_it_tolerates_fails_the_map(site: Site, worker: Worker) -> None:
    run_id = await start(site, over_a_list("async", tolerated_failures=6), {"list": [{"n": n} for n in range(700)]})
    run = await until_over(site, run_id)
    assert run["state"] == "FAILED"
    assert "7 of 700 items failed, and 6 are tolerated" in run["reason"]


async def test_what_must_not_emit_says_so_in_its_dead_letter(site: Site, worker: Worker) -> None:
    job_id = await site.submit("test.feed_apart", {"items": 4}, max_attempts=1)
    assert await site.until_ended(job_id) == ["FAILED"]
    letter = await site.dead_letter(job_id)
    assert letter is not None
    assert (letter["error_type"], letter["error_message"]) == (
        "easyflow.errors.Misconfigured",
        "this job of task test.feed_apart belongs to no run: nobody would read what it emits",
    )

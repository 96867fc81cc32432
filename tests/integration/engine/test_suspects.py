"""A job that was among the lost runs alone next time: only the guilty is charged again, and who ends is acquitted."""

from __future__ import annotations

import os
import signal
from typing import Any
from uuid import UUID

import pytest

from tests.support.processes import is_alive
from tests.support.site import Site
from tests.support.waiting import within
from tests.support.worker import Worker

COUNTERS = ("retry_count", "losses", "unstarted")

pytestmark = pytest.mark.usefixtures("worker")


async def submit_suspect(site: Site, task: str, payload: Any = None, losses: int = 1, **facts: Any) -> UUID:
    """Submit a job that has lost executors already."""
    job_id = await site.submit(task, payload, delay_seconds=3600.0, **facts)
    changed = await site.connection.execute("update easyflow.parked set losses = $2 where job_id = $1", job_id, losses)
    assert changed == "UPDATE 1"
    await site.run_now(job_id)
    return job_id


async def counters(site: Site, job_id: UUID) -> tuple[int, ...]:
    """What a job has used up: errors, losses, claims that never started."""
    row = await site.ticket(job_id)
    return tuple(row[name] for name in COUNTERS)


@pytest.mark.parametrize("task", ["test.pure", "test.sync"])
async def test_a_suspect_runs_in_a_process_of_its_own(site: Site, worker: Worker, task: str) -> None:
    job_id = await submit_suspect(site, task)
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    (ran,) = site.trace.events("end", job_id)
    assert ran["pid"] not in worker.executors()
    assert (await site.result(job_id))["pid"] == ran["pid"]


async def test_a_transactional_suspect_writes_once_with_its_completion(site: Site, worker: Worker) -> None:
    job_id = await submit_suspect(site, "test.write", key="k", ordered=True)
    behind = await site.submit("test.write", key="k", ordered=True)
    assert await site.until_ended(job_id, behind) == ["SUCCEEDED", "SUCCEEDED"]
    (ran,) = site.trace.events("end", job_id)
    assert ran["pid"] not in worker.executors()
    assert (await site.effects(job_id), await site.effects(behind)) == (1, 1)
    assert await site.outcomes(job_id) == ["succeeded"]
    assert await counters(site, job_id) == (0, 0, 0)


@pytest.mark.parametrize(
    ("task", "payload", "after"),
    [
        ("test.pure", {}, (0, 1, 0)),
        ("test.sync", {}, (0, 1, 0)),
        ("test.raise", {"kind": "Fail"}, (0, 1, 0)),
        ("test.pure", {"failures": 1}, (1, 0, 0)),
        ("test.doze", {}, (0, 0, 0)),
    ],
)
async def test_a_suspect_that_ends_by_itself_gets_one_loss_back(
    site: Site, worker: Worker, task: str, payload: dict[str, Any], after: tuple[int, int, int]
) -> None:
    # Twice it runs alone, if it says so: each time a loss is forgiven, and none is carried on.
    job_id = await submit_suspect(site, task, payload, losses=2)
    await site.until_ended(job_id)
    assert await counters(site, job_id) == after


async def test_who_was_acquitted_runs_among_the_others_again(site: Site, worker: Worker) -> None:
    job_id = await submit_suspect(site, "test.pure", {"failures": 1})
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    (failed,), (ended,) = site.trace.events("failed", job_id), site.trace.events("end", job_id)
    assert failed["pid"] not in worker.executors()
    assert ended["pid"] in worker.executors()


async def test_a_suspect_that_was_stopped_is_a_suspect_still(site: Site) -> None:
    cancelled = await submit_suspect(site, "test.pure", {"seconds": 30})
    late = await submit_suspect(site, "test.hasty", {"seconds": 30}, max_attempts=1)
    await site.until_traced("start", cancelled)
    await site.cancel(cancelled)
    assert await site.until_ended(cancelled, late) == ["CANCELLED", "FAILED"]
    assert [(await counters(site, job_id))[1] for job_id in (cancelled, late)] == [1, 1]


async def test_two_suspects_that_die_at_once_are_each_charged_for_themselves(site: Site, worker: Worker) -> None:
    executors = worker.executors()
    neighbour = await submit_suspect(site, "test.pure", {"seconds": 0.5})
    killers = [await submit_suspect(site, "test.die", {"kind": kind}, losses=2) for kind in ("segfault", "os._exit")]
    assert await site.until_ended(*killers, neighbour) == ["FAILED", "FAILED", "SUCCEEDED"]
    assert [await counters(site, job_id) for job_id in (*killers, neighbour)] == [(0, 3, 0), (0, 3, 0), (0, 0, 0)]
    assert worker.executors() == executors


async def test_a_suspect_that_fails_is_judged_like_any_other(site: Site) -> None:
    job_id = await submit_suspect(site, "test.write", {"failures": 1})
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    assert await site.outcomes(job_id) == ["retried", "succeeded"]
    assert await site.effects(job_id) == 1


async def test_a_suspect_that_does_it_again_is_set_aside_and_nothing_else_happens(site: Site, worker: Worker) -> None:
    executors = worker.executors()
    job_id = await submit_suspect(site, "test.die", {"kind": "segfault"}, losses=2)
    assert await site.until_ended(job_id) == ["FAILED"]
    assert await site.outcomes(job_id) == ["lost"]
    letter = await site.dead_letter(job_id)
    assert letter is not None
    assert letter["reason"] == "lost"
    assert worker.executors() == executors


async def test_a_suspect_is_cancelled_with_its_process(site: Site) -> None:
    job_id = await submit_suspect(site, "test.write", {"seconds": 30})
    await site.until_traced("wrote", job_id)
    await site.cancel(job_id)
    assert await site.until_ended(job_id) == ["CANCELLED"]
    (wrote,) = site.trace.events("wrote", job_id)
    within(5, lambda: not is_alive(wrote["pid"]))
    assert await site.effects(job_id) == 0


async def test_what_a_task_says_of_its_progress_is_heard_from_a_process_of_its_own(site: Site) -> None:
    job_id = await submit_suspect(site, "test.progress", {"seconds": 1.3, "label": "from afar"})
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    row = await site.connection.fetchrow("select * from easyflow.progress where job_id = $1", job_id)
    assert row is not None
    assert (row["done"], row["total"], row["note"]) == (3, 4, "from afar")


async def test_a_suspect_is_not_to_blame_for_the_end_of_the_executor_that_watched_it(
    site: Site, worker: Worker
) -> None:
    job_id = await submit_suspect(site, "test.pure", {"seconds": 1})
    await site.until_traced("start", job_id)
    for pid in worker.executors():
        os.kill(pid, signal.SIGKILL)
    assert await site.until_ended(job_id, seconds=20) == ["SUCCEEDED"]
    assert await site.outcomes(job_id) == ["unstarted", "succeeded"]
    assert await counters(site, job_id) == (0, 0, 1)
    first, _ = site.trace.events("start", job_id)
    within(5, lambda: not is_alive(first["pid"]))
    assert site.trace.count("end", job_id) == 1

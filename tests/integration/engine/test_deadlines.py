"""A job that is not done in time is stopped, whatever it takes, and only it pays for that."""

from __future__ import annotations

import pytest

from tests.support.processes import is_alive
from tests.support.site import Site
from tests.support.waiting import within
from tests.support.worker import QUICK, Worker

pytestmark = pytest.mark.usefixtures("worker")

TIMEOUT = 0.3
KILL_GRACE = QUICK["kill_grace_seconds"]


async def test_an_async_handler_is_cancelled_at_its_deadline_and_that_is_an_error(site: Site, worker: Worker) -> None:
    executors = worker.executors()
    job_id = await site.submit("test.hasty", {"seconds": 60}, max_attempts=2)
    assert await site.until_ended(job_id) == ["FAILED"]
    assert await site.outcomes(job_id) == ["retried", "failed"]
    assert site.trace.count("stopped", job_id) == 2
    for attempt in await site.attempts(job_id):
        assert TIMEOUT <= (attempt["finished_at"] - attempt["started_at"]).total_seconds() < TIMEOUT + 2
        assert (attempt["error_type"], attempt["error_message"]) == ("DeadlinePassed", "not done within 0.3 s")
        assert "in work_async" in attempt["traceback"]
    ticket = await site.ticket(job_id)
    assert (ticket["retry_count"], ticket["losses"]) == (1, 0)
    assert worker.executors() == executors


async def test_a_deadline_of_an_unsafe_task_that_has_begun_no_effect_is_an_error_like_any_other(site: Site) -> None:
    job_id = await site.submit("test.hasty_unsafe", {"seconds": 60}, max_attempts=2)
    assert await site.until_ended(job_id) == ["FAILED"]
    assert site.trace.count("start", job_id) == 2
    letter = await site.dead_letter(job_id)
    assert letter is not None
    assert letter["reason"] == "attempts exhausted"


@pytest.mark.parametrize(("task", "timeout"), [("test.charge_unsafe", 0.5), ("test.charge_unsafe_apart", 6.0)])
async def test_a_deadline_in_the_middle_of_an_unsafe_effect_waits_for_a_person(
    site: Site, task: str, timeout: float
) -> None:
    job_id = await site.submit(task, {"first": "hangs"}, timeout_seconds=timeout)
    await site.until_state(job_id, "IN_DOUBT", seconds=15)
    assert (site.trace.count("start", job_id), site.trace.count("charged", job_id)) == (1, 1)
    (attempt,) = await site.attempts(job_id)
    assert (attempt["outcome"], attempt["error_type"]) == ("in_doubt", "DeadlinePassed")
    assert attempt["error_message"] == f"not done within {timeout:g} s"
    assert await site.dead_letter(job_id) is None


async def test_a_deadline_in_the_middle_of_a_keyed_effect_repeats_it_with_its_key(site: Site) -> None:
    job_id = await site.submit("test.charge_keyed", {"first": "hangs"}, timeout_seconds=0.5)
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    assert await site.outcomes(job_id) == ["retried", "succeeded"]
    first, again = site.trace.events("charged", job_id)
    assert first["key"] == again["key"]


async def test_a_job_may_bring_a_deadline_of_its_own(site: Site) -> None:
    job_id = await site.submit("test.pure", {"seconds": 60}, timeout_seconds=0.2, max_attempts=1)
    assert await site.until_ended(job_id) == ["FAILED"]
    (attempt,) = await site.attempts(job_id)
    assert attempt["error_message"] == "not done within 0.2 s"


async def test_a_handler_in_a_thread_that_looks_is_stopped_in_order(site: Site, worker: Worker) -> None:
    executors = worker.executors()
    job_id = await site.submit("test.sync", {"seconds": 60}, timeout_seconds=0.3, max_attempts=1)
    assert await site.until_ended(job_id) == ["FAILED"]
    assert site.trace.count("stopped", job_id) == 1
    (attempt,) = await site.attempts(job_id)
    assert attempt["error_type"] == "DeadlinePassed"
    assert worker.executors() == executors


async def test_a_handler_that_is_late_but_done_has_succeeded(site: Site) -> None:
    job_id = await site.submit("test.stubborn", {"seconds": 60}, timeout_seconds=0.2)
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    assert site.trace.count("swallowed", job_id) == 1
    assert await site.result(job_id) == "went on"


@pytest.mark.parametrize("task", ["test.deaf", "test.block"])
async def test_what_ignores_its_deadline_is_killed_and_its_neighbours_go_back_uncharged(
    site: Site, worker: Worker, task: str
) -> None:
    worker.until_ready()
    within(10, lambda: len(worker.executors()) == 2)
    neighbours = [await site.submit(kind, {"seconds": 1.2}) for kind in ["test.pure", "test.write", "test.sync"] * 2]
    for neighbour in neighbours:
        await site.until_traced("start", neighbour)
    culprit = await site.submit(task, {"seconds": 60})
    await site.until_traced("start", culprit)
    (start,) = site.trace.events("start", culprit)
    within(TIMEOUT + KILL_GRACE + 1.0, lambda: not is_alive(start["pid"]))
    await site.cancel(culprit)
    states = await site.until_ended(culprit, *neighbours, seconds=25)
    assert states == ["CANCELLED", *["SUCCEEDED"] * 6]
    outcomes = await site.outcomes(culprit)
    assert outcomes[0] == "lost"
    for neighbour in neighbours:
        assert set(await site.outcomes(neighbour)) <= {"handed_back", "succeeded"}
        ticket = await site.ticket(neighbour)
        assert (ticket["retry_count"], ticket["losses"], ticket["unstarted"]) == (0, 0, 0)
    assert ("a job ignores its deadline", start["pid"]) in [
        (told["why"], told["pid"]) for told in worker.said("executor.killed")
    ]


async def test_a_process_of_its_own_is_killed_at_its_deadline_with_all_its_offspring(
    site: Site, worker: Worker
) -> None:
    executors = worker.executors()
    job_id = await site.submit("test.family", {"seconds": 60}, max_attempts=1, timeout_seconds=6)
    await site.until_traced("start", job_id)
    (start,) = site.trace.events("start", job_id)
    assert is_alive(start["grandchild"])
    assert await site.until_ended(job_id) == ["FAILED"]
    (attempt,) = await site.attempts(job_id)
    assert (attempt["error_type"], attempt["outcome"]) == ("DeadlinePassed", "failed")
    within(5, lambda: not is_alive(start["pid"]) and not is_alive(start["grandchild"]))
    assert worker.executors() == executors


async def test_what_a_process_of_its_own_leaves_behind_ends_with_it(site: Site) -> None:
    job_id = await site.submit("test.family", timeout_seconds=30)
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    (start,) = site.trace.events("start", job_id)
    within(5, lambda: not is_alive(start["grandchild"]))

"""Handlers of every kind run on a real worker, and leave the right rows behind."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from tests.support.site import Site, job
from tests.support.worker import Worker

KINDS = ["test.pure", "test.sync", "test.process"]

pytestmark = pytest.mark.usefixtures("worker")


@pytest.mark.parametrize("task", KINDS)
async def test_a_handler_runs_once_and_its_result_is_kept(site: Site, worker: Worker, task: str) -> None:
    job_id = await site.submit(task, {"seconds": 0.05, "label": "é"})
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    assert (site.trace.count("start", job_id), site.trace.count("end", job_id)) == (1, 1)
    (ran,) = site.trace.events("end", job_id)
    assert await site.result(job_id) == {"attempt": 1, "opened_by": ran["pid"], "pid": ran["pid"]}
    assert (ran["pid"] in worker.executors()) is (task != "test.process")


@pytest.mark.parametrize("task", ["test.pure", "test.write"])
async def test_an_attempt_tells_when_it_ran_and_which_code(site: Site, task: str) -> None:
    job_id = await site.submit(task, {"seconds": 0.1})
    await site.until_ended(job_id)
    (attempt,) = await site.attempts(job_id)
    assert (attempt["outcome"], attempt["lease_no"], attempt["error_type"]) == ("succeeded", 1, None)
    assert attempt["claimed_at"] <= attempt["started_at"] <= attempt["finished_at"]
    assert 0.09 <= (attempt["finished_at"] - attempt["started_at"]).total_seconds() < 8
    registered = await site.connection.fetchval("select code_digest from easyflow.tasks where name = $1", task)
    assert attempt["code_digest"] == registered
    assert await site.dead_letter(job_id) is None


async def test_a_transactional_handler_writes_with_its_completion(site: Site) -> None:
    job_id = await site.submit("test.write", {"label": "once"})
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    rows = await site.connection.fetch("select lease_no, label from public.effects where job_id = $1", job_id)
    assert [tuple(row) for row in rows] == [(1, "once")]


@pytest.mark.parametrize("task", ["test.pure", "test.sync", "test.write"])
async def test_an_error_is_tried_again_and_both_attempts_are_told(site: Site, task: str) -> None:
    job_id = await site.submit(task, {"failures": 1})
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    first, second = await site.attempts(job_id)
    assert (first["outcome"], second["outcome"]) == ("retried", "succeeded")
    assert (first["error_type"], first["error_message"]) == ("tests.support.tasks.TestError", "attempt 1 fails")
    assert (await site.ticket(job_id))["retry_count"] == 1
    assert await site.effects(job_id) == (1 if task == "test.write" else 0)


@pytest.mark.parametrize("task", [*KINDS, "test.write"])
async def test_a_traceback_shows_the_handler_and_not_the_engine(site: Site, task: str) -> None:
    job_id = await site.submit(task, {"failures": 1}, max_attempts=1)
    assert await site.until_ended(job_id) == ["FAILED"]
    (attempt,) = await site.attempts(job_id)
    assert "in fail_if_asked" in attempt["traceback"]
    assert attempt["traceback"].rstrip().endswith("TestError: attempt 1 fails")
    for ours in ("easyflow/engine", "/asyncio/", "concurrent/futures"):
        assert ours not in attempt["traceback"]


async def test_a_job_that_keeps_failing_becomes_a_dead_letter(site: Site) -> None:
    job_id = await site.submit("test.pure", {"failures": 99, "label": "x"}, tags=["night"])
    assert await site.until_ended(job_id) == ["FAILED"]
    assert await site.outcomes(job_id) == ["retried"] * 4 + ["failed"]
    letter = await site.dead_letter(job_id)
    assert letter is not None
    assert (letter["reason"], letter["state"], letter["tags"]) == ("attempts exhausted", "open", ["night"])
    assert letter["error_message"] == "attempt 5 fails"
    assert json.loads(letter["payload"]) == {"failures": 99, "label": "x"}


async def test_a_job_may_say_itself_how_often_it_is_tried(site: Site) -> None:
    twice = await site.submit("test.pure", {"failures": 99}, max_attempts=2)
    seven_times = await site.submit("test.pure", {"failures": 6}, max_attempts=7)
    assert await site.until_ended(twice, seven_times) == ["FAILED", "SUCCEEDED"]
    assert await site.outcomes(twice) == ["retried", "failed"]
    assert await site.outcomes(seven_times) == ["retried"] * 6 + ["succeeded"]


async def test_the_wait_before_a_retry_stays_within_the_policy(site: Site) -> None:
    ids = await site.submit_all(job("test.pure", {"failures": 3}) for _ in range(10))
    assert set(await site.until_ended(*ids)) == {"SUCCEEDED"}
    longest = [0.02, 0.04, 0.08]
    for job_id in ids:
        attempts = await site.attempts(job_id)
        waits = [(then["claimed_at"] - before["finished_at"]).total_seconds() for before, then in pairwise(attempts)]
        # Behind the policy come one turn of the promoter and one poll.
        assert all(0 <= wait < most + 2.0 for wait, most in zip(waits, longest, strict=True)), waits


async def test_a_snooze_costs_nothing(site: Site) -> None:
    job_id = await site.submit("test.doze")
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    assert await site.outcomes(job_id) == ["snoozed", "snoozed", "succeeded"]
    assert (await site.ticket(job_id))["retry_count"] == 0
    assert await site.result(job_id) == 3


async def test_what_a_handler_says_about_its_progress_is_stored(site: Site) -> None:
    job_id = await site.submit("test.progress", {"seconds": 1.3, "label": "half way"})
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    row = await site.connection.fetchrow("select * from easyflow.progress where job_id = $1", job_id)
    assert row is not None
    assert (row["done"], row["total"], row["note"]) == (3, 4, "half way")


@pytest.mark.parametrize(
    ("task", "payload", "place"),
    [
        ("test.amount", {"amount": "much"}, "amount"),
        ("test.amount", {"amount": 1, "more": 2}, "more"),
        ("test.amount", {}, "amount"),
        ("test.amount", [1], "payload"),
        ("test.amount_process", {"amount": "much"}, "amount"),
    ],
)
async def test_a_payload_that_fits_no_more_fails_at_once_and_says_where(
    site: Site, task: str, payload: object, place: str
) -> None:
    job_id = await site.submit(task, payload)
    assert await site.until_ended(job_id) == ["FAILED"]
    assert await site.outcomes(job_id) == ["failed"]
    letter = await site.dead_letter(job_id)
    assert letter is not None
    assert letter["reason"] == "payload does not fit the task"
    assert letter["error_message"].startswith(f"{place}: ")
    assert "much" not in letter["error_message"]


async def test_a_program_that_a_handler_starts_does_not_read_the_engines_messages(site: Site, worker: Worker) -> None:
    job_id = await site.submit("test.reads_input")
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    assert await site.result(job_id) == ""
    assert len(worker.executors()) == 2

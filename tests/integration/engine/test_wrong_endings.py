"""Whatever a handler raises or returns, its job ends with a reason, and its neighbours do not notice."""

from __future__ import annotations

import pytest

from tests.support.site import Site, job
from tests.support.worker import Worker
from tests.support.wrong_tasks import RAISES, RESULTS

pytestmark = pytest.mark.usefixtures("worker")

ERRORS = sorted(RAISES.keys() - {"Fail"})
REFUSED = sorted(RESULTS.keys() - {"fine", "set"})


@pytest.mark.parametrize("task", ["test.raise", "test.raise_sync"])
async def test_whatever_a_handler_raises_costs_it_an_attempt_and_nothing_else(
    site: Site, worker: Worker, task: str
) -> None:
    executors = set(worker.executors())
    ids = await site.submit_all(job(task, {"kind": kind}) for kind in ERRORS)
    neighbour = await site.submit("test.pure", {"seconds": 0.2})
    assert await site.until_ended(*ids, neighbour) == ["FAILED"] * len(ids) + ["SUCCEEDED"]
    for job_id, kind in zip(ids, ERRORS, strict=True):
        assert await site.outcomes(job_id) == ["retried", "failed"], kind
        letter = await site.dead_letter(job_id)
        assert letter is not None
        assert letter["reason"] == "attempts exhausted", kind
        assert letter["error_type"]
    assert set(worker.executors()) == executors


async def test_what_is_raised_in_a_process_of_its_own_is_told_likewise(site: Site) -> None:
    kinds = ["hostile", "talkative", "CancelledError", "SystemExit"]
    ids = await site.submit_all(job("test.raise_process", {"kind": kind}, max_attempts=1) for kind in kinds)
    assert await site.until_ended(*ids, seconds=30) == ["FAILED"] * len(ids)
    for job_id, kind in zip(ids, kinds, strict=True):
        assert await site.outcomes(job_id) == ["failed"], kind


async def test_an_error_that_cannot_be_shown_leaves_a_stub(site: Site) -> None:
    ids = await site.submit_all(job("test.raise", {"kind": kind}) for kind in ("unprintable", "NUL", "a long message"))
    await site.until_ended(*ids)
    letters = [await site.dead_letter(job_id) for job_id in ids]
    messages = [letter["error_message"] for letter in letters if letter is not None]
    assert messages[0] == "<message cannot be shown: RuntimeError>"
    assert messages[1] == "a\\x00b"
    assert "characters left out" in messages[2]
    assert len(messages[2]) < 11_000


async def test_a_handler_that_gives_up_is_not_tried_again(site: Site) -> None:
    job_id = await site.submit("test.raise", {"kind": "Fail"})
    assert await site.until_ended(job_id) == ["FAILED"]
    assert await site.outcomes(job_id) == ["failed"]
    letter = await site.dead_letter(job_id)
    assert letter is not None
    assert (letter["reason"], letter["error_message"]) == ("handler gave up", "the card is closed")
    assert letter["error_code"] == "closed"


@pytest.mark.parametrize(("task", "refused"), [("test.return", REFUSED), ("test.return_process", ["NaN"])])
async def test_a_result_that_cannot_be_kept_fails_the_job_with_a_reason(
    site: Site, task: str, refused: list[str]
) -> None:
    ids = await site.submit_all(job(task, {"kind": kind}) for kind in refused)
    fine = await site.submit(task, {"kind": "fine"})
    states = await site.until_ended(*ids, fine, seconds=30)
    assert dict(zip([*refused, "fine"], states, strict=True)) == dict.fromkeys(refused, "FAILED") | {
        "fine": "SUCCEEDED"
    }
    for job_id, kind in zip(ids, refused, strict=True):
        assert await site.outcomes(job_id) == ["failed"], kind
        letter = await site.dead_letter(job_id)
        assert letter is not None
        assert (kind, letter["reason"]) == (kind, "result cannot be stored")
        assert 0 < len(letter["error_message"]) < 1100
        assert await site.result(job_id) is None
    assert await site.result(fine) == {"ok": True}


async def test_one_result_that_cannot_be_stored_does_not_hurt_the_others_of_its_batch(site: Site) -> None:
    wanted = [job("test.return", {"kind": "fine"}) for _ in range(500)]
    wanted[237] = job("test.return", {"kind": "a huge number"})
    wanted[411] = job("test.return", {"kind": "deep"})
    ids = await site.submit_all(wanted)
    states = await site.until_ended(*ids, seconds=30)
    assert [n for n, state in enumerate(states) if state != "SUCCEEDED"] == [237, 411]
    assert (states[237], states[411]) == ("FAILED", "FAILED")
    await site.assert_conserved()


async def test_a_set_is_kept_as_a_list(site: Site) -> None:
    job_id = await site.submit("test.return", {"kind": "set"})
    assert await site.until_ended(job_id) == ["SUCCEEDED"]
    assert await site.result(job_id) == [1]

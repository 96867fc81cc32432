"""`easyflow jobs`."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from easyflow.api.shapes import dead_letter_detail, job, job_detail, reply
from easyflow.cli.connection import actor
from easyflow.storage import dead_letters, jobs
from easyflow.storage.admission import admit
from easyflow.storage.lists import read_rows
from easyflow.storage.sql import Connection, statement
from tests.integration.cli.conftest import Easyflow
from tests.support.factories import DONE, FAILED, claim, end, key, ordered, place, run_through, submit, ticket


async def test_a_list_shows_ids_whole_and_the_newest_first(easyflow: Easyflow, database: Connection) -> None:
    failed = await run_through(database, FAILED)
    waiting = (await submit(database, ticket(queue="letters")))[0]
    lines = (await easyflow("jobs", "list")).out.splitlines()
    assert lines[0].split()[:5] == ["id", "task", "state", "queue", "retries"]
    assert [line.split()[0] for line in lines[1:3]] == [str(waiting), str(failed)]
    assert lines[2].endswith("ValueError: the amount is negative")
    assert lines[1].split()[5].endswith("Z")
    assert lines[3:] == ["2 jobs"]


async def test_a_list_is_the_one_of_the_api(easyflow: Easyflow, database: Connection) -> None:
    ids = [await run_through(database, FAILED, tags=["a", "b"]), await run_through(database, DONE)]
    listed = (await easyflow("jobs", "list", "--json")).json
    rows = await read_rows(database, ids)
    assert [_same(item) for item in listed["items"]] == [_same(job(row)) for row in rows]
    assert (listed["next_cursor"], listed["total"]) == (None, {"value": 2, "kind": "exact"})


async def test_a_job_is_shown_as_the_api_shows_it(easyflow: Easyflow, database: Connection) -> None:
    (job_id,) = await submit(database, ordered(payload='{"amount": 1.5}', max_attempts=1))
    await admit(database, [key(in_order=True)])
    await end(database, await claim(database), FAILED)
    shown = (await easyflow("jobs", "show", str(job_id), "--json")).json
    attempts = await jobs.read_latest_attempts(database, job_id, 10)
    letter = await dead_letters.read(database, job_id)
    detail = job_detail(await jobs.read(database, job_id), attempts, letter)
    assert _same(shown) == _same({**detail, "payload": {"amount": 1.5}})
    shown = (await easyflow("dlq", "show", str(job_id), "--json")).json
    detail = dead_letter_detail(letter, "FAILED", attempts)
    assert _same(shown) == _same({**detail, "payload": {"amount": 1.5}})


async def test_a_running_job_shows_how_far_it_says_it_is(easyflow: Easyflow, database: Connection) -> None:
    (job_id,) = await submit(database, ticket())
    (claimed,) = await claim(database)
    await statement("record_progress").fetch(
        database, job_ids=[job_id], claim_tokens=[claimed["claim_token"]], done=[3], totals=[10], notes=["posting"]
    )
    lines = (await easyflow("jobs", "show", str(job_id))).out.splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("progress")] == ["3 of 10: posting"]
    shown = (await easyflow("jobs", "show", str(job_id), "--json")).json
    assert _same(shown)["progress"] == _same(job_detail(await jobs.read(database, job_id), [], None))["progress"]


def _same(document: dict[str, Any]) -> Any:
    """A document as it is after a way through JSON, as the API writes it."""
    return json.loads(bytes(reply(document).body))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--state", "FAILED"], "failed"),
        (["--state", "failed"], "failed"),
        (["--queue", "letters"], "waiting"),
        (["--tag", "red"], "waiting"),
        (["--task", "demo.noop"], "waiting"),
    ],
)
async def test_a_list_can_be_narrowed(easyflow: Easyflow, database: Connection, words: list[str], found: str) -> None:
    failed = await run_through(database, FAILED)
    waiting = (await submit(database, ticket(queue="letters", task="demo.noop", tags=["red"])))[0]
    items = (await easyflow("jobs", "list", "--json", *words)).json["items"]
    assert [item["id"] for item in items] == [str({"failed": failed, "waiting": waiting}[found])]


async def test_a_list_goes_on_behind_its_last_line(easyflow: Easyflow, database: Connection) -> None:
    ids = [str(job_id) for job_id in await submit(database, *(ticket() for _ in range(5)))]
    page = await easyflow("jobs", "list", "--limit", "2", "--json")
    rest = await easyflow("jobs", "list", "--after", page.json["next_cursor"], "--json")
    assert [item["id"] for item in page.json["items"] + rest.json["items"]] == ids[::-1]
    for_people = await easyflow("jobs", "list", "--limit", "2")
    assert for_people.out.splitlines()[-1] == f"5 jobs; go on with --after {ids[3]}"


async def test_nothing_to_list_is_said(easyflow: Easyflow, database: Connection) -> None:
    assert (await easyflow("jobs", "list", "--state", "RUNNING")).out == "No such jobs.\n"


async def test_a_job_shows_its_payload_result_and_attempts_to_people(easyflow: Easyflow, database: Connection) -> None:
    job_id = await run_through(database, FAILED, payload='{"amount": 12345678901234567890.10}')
    shown = (await easyflow("jobs", "show", str(job_id))).out
    for words in (str(job_id), "FAILED", '"amount": 12345678901234567890.10', "ValueError: the amount is negative",
                  "Dead letter open, version 1: attempts exhausted", "  Traceback: ..."):  # fmt: skip
        assert words in shown


async def test_what_a_job_says_cannot_move_the_cursor_of_the_terminal(easyflow: Easyflow, database: Connection) -> None:
    (job_id,) = await submit(database, ticket(tags=["\x1b[2Jgone\nnext"], payload='{"text": "\\u001b[2J\u202e"}'))
    for words in (["jobs", "show", str(job_id)], ["jobs", "list"]):
        shown = (await easyflow(*words)).out
        assert "\x1b" not in shown
        assert "\u202e" not in shown


async def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked(
    easyflow: Easyflow, database: Connection
) -> None:
    running, waiting = await submit(database, ticket(), ticket())
    (claimed,) = await claim(database)
    done = await easyflow("jobs", "cancel", str(waiting), str(running), "--reason", "not needed", "--json")
    assert done.code == 0
    assert done.json["items"] == [
        {"id": str(waiting), "outcome": "cancelled"},
        {"id": str(running), "outcome": "requested"},
    ]
    assert [await place(database, job_id) for job_id in (running, waiting)] == ["RUNNING", "CANCELLED"]
    (accepted,) = await end(database, [claimed])
    assert accepted["state"] == "CANCELLED"
    events = await database.fetch("select kind, actor, reason from easyflow.job_events order by id")
    assert [tuple(row) for row in events] == [
        ("cancelled", actor(), "not needed"),
        ("cancel requested", actor(), "not needed"),
    ]


async def test_one_refusal_among_several_does_not_stop_the_others(easyflow: Easyflow, database: Connection) -> None:
    succeeded = await run_through(database, DONE)
    unknown = uuid4()
    (waiting,) = await submit(database, ticket())
    done = await easyflow("jobs", "cancel", str(succeeded), str(unknown), str(waiting), "--json")
    assert done.code == 1
    assert done.json == {
        "items": [{"id": str(waiting), "outcome": "cancelled"}],
        "refused": [
            {"id": str(succeeded), "code": "conflict", "message": "the job is SUCCEEDED already"},
            {"id": str(unknown), "code": "not_found", "message": f"there is no job {unknown}"},
        ],
    }
    assert [line.startswith("EasyFlow: ") for line in done.err.splitlines()] == [True, True]


async def test_a_scheduled_job_runs_now_and_only_once(easyflow: Easyflow, database: Connection) -> None:
    (job_id,) = await submit(database, ticket(delay_seconds=3600.0))
    done = await easyflow("jobs", "run-now", str(job_id))
    assert (done.code, done.out.split()) == (0, ["id", "queue", str(job_id), "default"])
    assert await place(database, job_id) == "READY"
    again = await easyflow("jobs", "run-now", str(job_id))
    assert again.code == 1
    assert "only a scheduled job can be started early; this one is READY" in again.sentence


@pytest.mark.parametrize("words", [["show"], ["cancel"], ["run-now"]])
async def test_an_unknown_job_is_one_sentence_and_exit_code_1(easyflow: Easyflow, words: list[str]) -> None:
    unknown = UUID(int=7)
    done = await easyflow("jobs", *words, str(unknown))
    assert (done.code, done.out.strip()) == (1, "")
    assert f"there is no job {unknown}" in done.sentence


@pytest.mark.parametrize(
    "words", [["show", "7"], ["show"], ["cancel"], ["list", "--state", "LOST"], ["list", "--limit", "0"], ["lst"]]
)
async def test_a_wrong_call_is_one_sentence_and_exit_code_2(easyflow: Easyflow, words: list[str]) -> None:
    done = await easyflow("jobs", *words)
    assert (done.code, done.out) == (2, "")
    assert "--help` tells more" in done.sentence

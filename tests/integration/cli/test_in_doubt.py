"""`easyflow jobs in-doubt` and `easyflow jobs settle`."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from easyflow.api.shapes import job_detail, reply
from easyflow.cli.connection import actor
from easyflow.storage import effects, jobs
from easyflow.storage import in_doubt as doubts
from easyflow.storage.sql import Connection
from tests.integration.cli.conftest import Easyflow
from tests.support.doubts import WHY, in_doubt
from tests.support.factories import FAILED, claim, place, run_through, submit, ticket

WHY_SETTLED = ("--reason", "asked the bank")


async def ledger(database: Connection, job_id: UUID) -> list[tuple[str, str, str | None]]:
    rows = await effects.read(database, [job_id])
    return [(row["state"], row["closed_by"], row["result"]) for row in rows]


async def audit(database: Connection) -> list[tuple[str, str, str, str]]:
    rows = await database.fetch("select actor, act, object_id, reason from easyflow.audit order by id")
    return [tuple(row) for row in rows]


async def test_jobs_in_doubt_are_listed_with_the_reason(easyflow: Easyflow, database: Connection) -> None:
    job_id = await in_doubt(database, tags=["red"])
    await submit(database, ticket())
    lines = (await easyflow("jobs", "in-doubt")).out.splitlines()
    assert lines[0].split() == ["id", "task", "queue", "version", "since", "reason"]
    assert lines[1].split()[:4] == [str(job_id), "demo.echo", "default", "1"]
    assert lines[1].endswith(WHY)
    assert lines[2:] == ["1 job"]
    (listed,) = (await easyflow("jobs", "in-doubt", "--tag", "red", "--json")).json["items"]
    assert (listed["id"], listed["version"], listed["in_doubt"]["reason"]) == (str(job_id), 1, WHY)
    assert (await easyflow("jobs", "in-doubt", "--queue", "letters")).out == "No job is in doubt.\n"


async def test_a_job_in_doubt_is_shown_with_its_effects_as_the_api_shows_it(
    easyflow: Easyflow, database: Connection
) -> None:
    job_id = await in_doubt(database, ["reserve", "charge"])
    row, attempts = await jobs.read(database, job_id), await jobs.read_latest_attempts(database, job_id, 10)
    ledger = await effects.read_latest(database, job_id, max_effects=10, max_bytes=1000)
    doubt = (await doubts.read(database, [job_id]))[job_id]
    shown = (await easyflow("jobs", "show", str(job_id), "--json")).json
    assert shown == json.loads(bytes(reply(job_detail(row, attempts, None, ledger, doubt)).body))
    lines = (await easyflow("jobs", "show", str(job_id))).out.splitlines()
    (charge,) = [line.split() for line in lines if line.split()[:2] == ["2", "charge"]]
    assert charge[1:5] == ["charge", "unsafe", "open", "1"]
    assert charge[-1] == shown["effects"][1]["key"]
    assert next(line for line in lines if line.startswith("In doubt since")).endswith(f"version 1: {WHY}")


async def test_what_is_in_doubt_is_shown_before_it_is_asked(easyflow: Easyflow, database: Connection) -> None:
    job_id = await in_doubt(database, ["reserve", "charge"])
    words = ("jobs", "settle", str(job_id), "did-not-happen", *WHY_SETTLED)
    for answer in ("n\n", ""):
        declined = await easyflow(*words, answer=answer)
        assert (declined.code, declined.out) == (1, "")
        for told in (WHY, "charge", f"{job_id}.2.", "unsafe", "Settle it as did not happen? [y/N]"):
            assert told in declined.err
        assert declined.err.splitlines()[-1].endswith("Nothing was changed.")
    assert (await place(database, job_id), await audit(database)) == ("IN_DOUBT", [])
    agreed = await easyflow(*words, "--json", answer="y\n")
    assert (agreed.code, agreed.json["items"][0]["state"]) == (0, "SCHEDULED")
    assert (await ledger(database, job_id))[1] == ("did_not_happen", actor(), None)


@pytest.mark.parametrize(
    ("words", "state", "effect", "kept"),
    [
        (["happened", "--result", '{"n": 1.10}'], "SCHEDULED", ("happened", '{"n": 1.10}'), None),
        (["happened"], "SCHEDULED", ("happened", "null"), None),
        (["happened", "--complete", "--result", "7"], "SUCCEEDED", ("happened", "7"), "7"),
        (["did-not-happen"], "SCHEDULED", ("did_not_happen", None), None),
        (["failed"], "FAILED", ("open", None), None),
    ],
)
async def test_a_job_is_settled_and_it_is_written_down(
    easyflow: Easyflow, database: Connection, words: list[str], state: str, effect: tuple[str, str], kept: str | None
) -> None:
    job_id = await in_doubt(database)
    done = await easyflow("jobs", "settle", str(job_id), *words, *WHY_SETTLED, "--yes", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["items"] == [
        {
            "id": str(job_id),
            "outcome": words[0].replace("-", "_"),
            "state": state,
            "task": "demo.echo",
            "queue": "default",
            "seen_version": 1,
        }
    ]
    assert await place(database, job_id) == state
    ((now, _, result),) = await ledger(database, job_id)
    assert (now, result) == effect
    assert (await jobs.read(database, job_id))["result"] == kept
    assert await audit(database) == [(actor(), "settle", str(job_id), "asked the bank")]
    again = await easyflow("jobs", "settle", str(job_id), "failed", *WHY_SETTLED, "--yes")
    assert (again.code, again.out) == (1, "")
    assert f"only a job in doubt can be settled; this one is {state}" in again.sentence


async def test_a_settle_wakes_workers(easyflow: Easyflow, database: Connection) -> None:
    job_id = await in_doubt(database, queue="letters")
    heard: asyncio.Queue[str] = asyncio.Queue()
    await database.add_listener("easyflow_ready", lambda *told: heard.put_nowait(told[3]))
    await easyflow("jobs", "settle", str(job_id), "did-not-happen", *WHY_SETTLED, "-y")
    assert await asyncio.wait_for(heard.get(), 5) == "letters"


async def test_a_stale_look_is_refused_with_the_present_version(easyflow: Easyflow, database: Connection) -> None:
    job_id = await in_doubt(database)
    words = ("jobs", "settle", str(job_id), "failed", *WHY_SETTLED, "--yes")
    done = await easyflow(*words, "--seen-version", "3")
    assert done.code == 1
    assert "the doubt is at version 1 now, not 3" in done.sentence
    assert (await easyflow(*words, "--seen-version", "1")).code == 0


async def test_who_is_asked_hears_that_somebody_else_settled_meanwhile(
    easyflow: Easyflow, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await in_doubt(database)
    loop = asyncio.get_running_loop()

    def settled_meanwhile(question: str, yes: bool) -> bool:
        other = doubts.settle(
            database, job_id, outcome="did_not_happen", seen_version=1, reason="first", actor="another"
        )
        asyncio.run_coroutine_threadsafe(other, loop).result(10)
        return True

    monkeypatch.setattr("easyflow.cli.in_doubt.sure", settled_meanwhile)
    done = await easyflow("jobs", "settle", str(job_id), "failed", *WHY_SETTLED)
    assert done.code == 1
    assert done.err.splitlines()[-1].endswith("only a job in doubt can be settled; this one is SCHEDULED")
    assert await audit(database) == [("another", "settle", str(job_id), "first")]


async def test_a_result_is_read_from_a_file_and_keeps_its_limit(
    easyflow: Easyflow, database: Connection, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await in_doubt(database)
    file = tmp_path / "answer.json"
    file.write_text('{"paid": 12345678901234567890.10}')
    monkeypatch.setenv("EASYFLOW_RESULT_BYTES", "20")
    words = ("jobs", "settle", str(job_id), "happened", "--result", f"@{file}", *WHY_SETTLED, "--yes")
    refused = await easyflow(*words)
    assert "larger than 20 bytes" in refused.sentence
    assert await place(database, job_id) == "IN_DOUBT"
    monkeypatch.delenv("EASYFLOW_RESULT_BYTES")
    assert (await easyflow(*words)).code == 0
    assert (await ledger(database, job_id))[0][2] == '{"paid": 12345678901234567890.10}'


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["happened"], "--reason"),
        (["happened", "--reason", " "], "--reason"),
        (["done", *WHY_SETTLED], "'done'"),
        (["did_not_happen", *WHY_SETTLED], "'did_not_happen'"),
        (["failed", "--complete", *WHY_SETTLED], "--result and --complete go with happened"),
        (["did-not-happen", "--result", "1", *WHY_SETTLED], "--result and --complete go with happened"),
        (["happened", "--result", "{", *WHY_SETTLED], "not JSON"),
        (["happened", "--seen-version", "-1", *WHY_SETTLED], "--seen-version"),
        ([*WHY_SETTLED], "Choose from: happened, did-not-happen, failed"),
    ],
)
async def test_a_wrong_call_is_one_sentence_and_changes_nothing(
    easyflow: Easyflow, database: Connection, words: list[str], says: str
) -> None:
    job_id = await in_doubt(database)
    done = await easyflow("jobs", "settle", str(job_id), *words, "--yes")
    assert (done.code, done.out) == (2, "")
    assert says.lower() in done.sentence.lower()
    assert (await place(database, job_id), await audit(database)) == ("IN_DOUBT", [])


async def test_only_a_known_job_in_doubt_can_be_settled(easyflow: Easyflow, database: Connection) -> None:
    unknown = UUID(int=7)
    done = await easyflow("jobs", "settle", str(unknown), "failed", *WHY_SETTLED, "--yes")
    assert (done.code, f"there is no job {unknown}" in done.sentence) == (1, True)
    failed = await run_through(database, FAILED)
    done = await easyflow("jobs", "settle", str(failed), "failed", *WHY_SETTLED)
    assert (done.code, "this one is FAILED" in done.sentence) == (1, True)


async def test_nothing_open_can_only_be_completed_or_run(easyflow: Easyflow, database: Connection) -> None:
    job_id = await in_doubt(database, [])
    done = await easyflow("jobs", "settle", str(job_id), "happened", *WHY_SETTLED, "--yes")
    assert done.code == 1
    assert "nothing is open in its ledger" in done.sentence
    assert (await easyflow("jobs", "settle", str(job_id), "did-not-happen", *WHY_SETTLED, "--yes")).code == 0
    assert await claim(database) == []

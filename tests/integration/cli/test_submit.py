"""`easyflow submit`."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from easyflow.storage.sql import Connection
from tests.integration.cli.conftest import Easyflow
from tests.support.command_line import running_worker
from tests.support.factories import place

HELLO = '{"message": "hello"}'
EXACT = '{"url": "https://named.example/", "json": {"amount": 12345678901234567890.123456789, "e": 1E+3}}'


async def test_it_prints_the_id_and_the_state(easyflow: Easyflow, database: Connection) -> None:
    done = await easyflow("submit", "demo.echo", HELLO)
    assert done.code == 0
    job_id, state = done.out.split()
    assert (UUID(job_id).version, state, done.err) == (7, "READY", "")
    assert await place(database, UUID(job_id)) == "READY"


async def test_every_option_reaches_the_job(easyflow: Easyflow, database: Connection) -> None:
    done = await easyflow(
        "submit", "demo.echo", HELLO, "--queue", "letters", "--priority", "-7", "--delay", "90m", "--ordering-key", "k",
        "--max-attempts", "2", "--timeout", "45s", "--tag", "b", "--tag", "a", "--json",
    )  # fmt: skip
    assert done.code == 0
    job = done.json
    shown = ("queue", "priority", "state", "ordering_key", "concurrency_key", "max_attempts", "timeout_seconds", "tags")
    assert [job[name] for name in shown] == ["letters", -7, "SCHEDULED", "k", None, 2, 45.0, ["a", "b"]]
    waits = await database.fetchval(
        "select extract(epoch from run_at - created_at)::float8 from easyflow.jobs where id = $1", UUID(job["id"])
    )
    assert waits == 90 * 60


async def test_a_time_to_run_at_is_shown_in_utc(easyflow: Easyflow) -> None:
    done = await easyflow(
        "submit", "demo.echo", HELLO, "--run-at", "2099-03-01T09:30:00+02:00", "--concurrency-key", "c", "--json"
    )
    assert (done.json["run_at"], done.json["state"]) == ("2099-03-01T07:30:00Z", "SCHEDULED")
    assert (done.json["concurrency_key"], done.json["ordering_key"]) == ("c", None)


@pytest.mark.parametrize("way", ["argument", "stdin", "file"])
async def test_the_payload_comes_from_anywhere_and_keeps_every_digit(
    easyflow: Easyflow, database: Connection, tmp_path: Path, way: str
) -> None:
    (tmp_path / "payload.json").write_text(EXACT)
    word = {"argument": EXACT, "stdin": "-", "file": f"@{tmp_path / 'payload.json'}"}[way]
    done = await easyflow("submit", "http.request", word, "--delay", "1h", answer=EXACT)
    stored = await database.fetchval("select payload::text from easyflow.jobs where id = $1", UUID(done.out.split()[0]))
    assert json.loads(stored, parse_float=str)["json"] == {"amount": "12345678901234567890.123456789", "e": 1000}


async def test_the_same_idempotency_key_never_makes_a_second_job(easyflow: Easyflow, database: Connection) -> None:
    first = await easyflow("submit", "demo.echo", HELLO, "--idempotency-key", "once")
    again = await easyflow("submit", "demo.echo", '{"message":"hello"}', "--idempotency-key", "once")
    as_json = await easyflow("submit", "demo.echo", HELLO, "--idempotency-key", "once", "--json")
    other = await easyflow("submit", "demo.echo", '{"message": "bye"}', "--idempotency-key", "once")
    assert again.out == first.out.rstrip("\n") + " (submitted before, under this idempotency key)\n"
    assert (as_json.json["id"], as_json.json["existing"]) == (first.out.split()[0], True)
    assert other.code == 1
    assert "idempotency key was used before with another body" in other.sentence
    assert await database.fetchval("select count(*) from easyflow.jobs") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nobody.knows"], "task: no worker has registered this task"),
        (["demo.echo", "{}"], 'payload: "message" is a required property'),
        (["demo.echo", '{"message": 1}'], "payload.message"),
    ],
)
async def test_what_no_task_takes_is_refused_naming_the_place(easyflow: Easyflow, words: list[str], says: str) -> None:
    done = await easyflow("submit", *words)
    assert (done.code, done.out) == (1, "")
    assert says in done.sentence


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["demo.echo", '{"message":'], "payload: not JSON"),
        (["demo.echo", '{"a": 1, "a": 2}'], "this key appears twice"),
        (["demo.echo", "@/nowhere/to/be/found"], "cannot be read"),
        (["demo.echo", HELLO, "--delay", "soon"], "'soon' is no duration"),
        (["demo.echo", HELLO, "--run-at", "2099-03-01T09:30:00"], "run_at"),
        (["demo.echo", HELLO, "--delay", "1s", "--run-at", "2099-03-01T09:30:00Z"], "exclude each other"),
        (["demo.echo", HELLO, "--ordering-key", "a", "--concurrency-key", "b"], "exclude each other"),
        (["demo.echo", HELLO, "--priority", "40000"], "priority"),
        (["demo.echo", HELLO, "--max-attempts", "0"], "max_attempts"),
        (["demo.echo", HELLO, "--timeout-seconds", "3"], "--wait"),
        (["demo.echo", HELLO, "--prio", "3"], "No such option"),
        ([], "task"),
    ],
)
async def test_a_wrong_call_is_told_in_one_sentence_with_exit_code_2(
    easyflow: Easyflow, words: list[str], says: str
) -> None:
    done = await easyflow("submit", *words)
    assert (done.code, done.out) == (2, "")
    assert says in done.sentence


async def test_the_exit_code_of_a_wait_tells_how_the_job_ended(easyflow: Easyflow, database_url: str) -> None:
    async with running_worker(database_url, "--queues", "default"):
        succeeded = await easyflow("submit", "demo.echo", HELLO, "--wait")
        assert (succeeded.code, json.loads(succeeded.out), succeeded.err) == (0, {"message": "hello"}, "")

        nothing = await easyflow("submit", "demo.noop", "--wait")
        assert (nothing.code, nothing.out) == (0, "null\n")

        failed = await easyflow("submit", "demo.fail", '{"message": "broken"}', "--max-attempts", "1", "--wait")
        assert (failed.code, failed.out) == (1, "")
        assert failed.sentence.endswith("is FAILED: DemoError: broken")

        flaky = await easyflow("submit", "demo.flaky", '{"failures": 0}', "--wait", "--json")
        assert (flaky.code, flaky.json["state"], flaky.json["result"]) == (0, "SUCCEEDED", 1)

        late = await easyflow("submit", "demo.sleep", '{"seconds": 600}', "--wait", "--timeout-seconds", "0.2")
        assert (late.code, late.out) == (3, "")
        assert " is still R" in late.sentence


async def test_a_cancelled_job_ends_the_wait_with_exit_code_1(easyflow: Easyflow, database: Connection) -> None:
    job_id = (await easyflow("submit", "demo.echo", HELLO, "--idempotency-key", "k")).out.split()[0]
    await easyflow("jobs", "cancel", job_id)
    done = await easyflow("submit", "demo.echo", HELLO, "--idempotency-key", "k", "--wait")
    assert done.code == 1
    assert done.sentence.endswith("is CANCELLED")


async def test_a_worker_of_the_command_line_drains_and_ends_with_exit_code_0(
    easyflow: Easyflow, database_url: str
) -> None:
    async with running_worker(database_url) as worker:
        assert (await easyflow("submit", "demo.noop", "--wait")).code == 0
        seen = (await easyflow("workers", "--json")).json["items"]
        assert [(one["pid"], one["state"], one["queues"]) for one in seen] == [
            (worker.pid, "live", ["default", "mainframe"])
        ]
    assert worker.returncode == 0
    assert (await easyflow("workers", "--json")).json["items"] == []
    stopped = (await easyflow("workers", "--all", "--json")).json["items"]
    assert [one["state"] for one in stopped] == ["stopped"]

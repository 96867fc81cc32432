"""`easyflow dlq`."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from easyflow.cli.connection import actor
from easyflow.storage import dead_letters
from easyflow.storage.sql import Connection
from tests.integration.cli.conftest import Easyflow
from tests.support.factories import FAILED, claim, end, place, run_through, submit, ticket

HELLO = '{"message": "hello", "extra": 12345678901234567890.10}'
WHY = ("--reason", "the bank is back")


async def failed(database: Connection, **facts: Any) -> UUID:
    return await run_through(database, FAILED, **{"payload": '{"message": "hello"}', **facts})


async def payloads(database: Connection, job_id: UUID) -> list[Any]:
    """Every revision of a job's payload, the submitted one first."""
    submitted = await database.fetchval("select payload::text from easyflow.jobs where id = $1", job_id)
    revised = await database.fetch(
        "select payload::text from easyflow.payload_revisions where job_id = $1 order by revision", job_id
    )
    return [json.loads(text) for text in (submitted, *(row["payload"] for row in revised))]


async def audit(database: Connection) -> list[tuple[str, str, str, str]]:
    rows = await database.fetch("select actor, act, object_id, reason from easyflow.audit order by id")
    return [tuple(row) for row in rows]


async def test_a_list_shows_what_failed_and_why(easyflow: Easyflow, database: Connection) -> None:
    first, second = await failed(database), await failed(database, tags=["red"])
    lines = (await easyflow("dlq", "list")).out.splitlines()
    assert [line.split()[0] for line in lines] == ["job", str(second), str(first), "2"]
    assert lines[1].endswith("ValueError: the amount is negative")
    listed = (await easyflow("dlq", "list", "--tag", "red", "--json")).json
    assert [item["job_id"] for item in listed["items"]] == [str(second)]
    assert listed["items"][0]["error"]["type"] == "ValueError"
    assert listed["total"] == {"value": 1, "kind": "exact"}
    assert (await easyflow("dlq", "list", "--state", "discarded")).out == "No discarded dead letters.\n"


async def test_a_letter_shows_everything_it_kept(easyflow: Easyflow, database: Connection) -> None:
    job_id = await failed(database, payload=HELLO)
    for_people = (await easyflow("dlq", "show", str(job_id))).out
    for words in ("attempts exhausted", "  Traceback: ...", '"extra": 12345678901234567890.10', "negative"):
        assert words in for_people
    letter = await easyflow("dlq", "show", str(job_id), "--json")
    assert (letter.json["state"], letter.json["version"], letter.json["error_code"]) == ("open", 1, "negative")
    assert '"extra": 12345678901234567890.10' in letter.out


async def test_a_replay_runs_the_job_again_and_is_written_down(easyflow: Easyflow, database: Connection) -> None:
    job_id = await failed(database)
    done = await easyflow("dlq", "replay", str(job_id), *WHY, "--json")
    assert done.code == 0
    assert done.json["items"] == [
        {"id": str(job_id), "outcome": "replayed", "task": "demo.echo", "queue": "default", "seen_version": 1}
    ]
    assert await place(database, job_id) == "READY"
    assert await audit(database) == [(actor(), "replay", str(job_id), "the bank is back")]
    assert len(await payloads(database, job_id)) == 1
    again = await easyflow("dlq", "replay", str(job_id), *WHY)
    assert again.code == 1
    assert "the dead letter is replayed already" in again.sentence


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("message=bye", "bye"),
        ('message="12"', "12"),
        ("message=a=b", "a=b"),
        ("message=", ""),
        ("message={broken", "{broken"),
    ],
)
async def test_a_field_is_set_and_the_submitted_payload_stays(
    easyflow: Easyflow, database: Connection, written: str, kept: str
) -> None:
    job_id = await failed(database)
    assert (await easyflow("dlq", "replay", str(job_id), "--set", written, *WHY)).code == 0
    assert await payloads(database, job_id) == [{"message": "hello"}, {"message": kept}]


async def test_an_edit_keeps_every_digit_of_the_fields_it_does_not_touch(
    easyflow: Easyflow, database: Connection
) -> None:
    sent = '{"url": "https://named.example/", "json": {"amount": 12345678901234567890.10}}'
    job_id = await _failed_request(database, sent)
    words = ("--set", "method=POST", "--set", "timeout_seconds=9.50")
    assert (await easyflow("dlq", "replay", str(job_id), *words, *WHY)).code == 0
    revised = await database.fetchval("select payload::text from easyflow.payload_revisions where job_id = $1", job_id)
    assert '"amount": 12345678901234567890.10' in revised
    assert '"timeout_seconds": 9.50' in revised
    assert json.loads(revised)["method"] == "POST"


async def _failed_request(database: Connection, payload: str) -> UUID:
    (job_id,) = await submit(database, ticket(task="http.request", payload=payload))
    await end(database, await claim(database, tasks=["http.request"]), FAILED)
    return job_id


async def test_a_whole_payload_takes_the_place_of_the_old_one(easyflow: Easyflow, database: Connection) -> None:
    job_id = await failed(database)
    done = await easyflow("dlq", "replay", str(job_id), "--payload", "-", *WHY, answer='{"message": "new"}')
    assert done.code == 0
    assert await payloads(database, job_id) == [{"message": "hello"}, {"message": "new"}]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--set", "mesage=bye"], "Additional properties are not allowed"),
        (["--set", "message=12"], "payload.message"),
        (["--payload", "{}"], '"message" is a required property'),
    ],
)
async def test_what_the_task_does_not_take_is_refused_and_changes_nothing(
    easyflow: Easyflow, database: Connection, words: list[str], says: str
) -> None:
    job_id = await failed(database)
    done = await easyflow("dlq", "replay", str(job_id), *words, *WHY)
    assert done.code == 1
    assert says in done.sentence
    assert (await place(database, job_id), await audit(database)) == ("FAILED", [])


async def test_a_payload_without_fields_and_a_task_nobody_knows_are_told_apart(
    easyflow: Easyflow, database: Connection
) -> None:
    listing = await failed(database, payload="[1]")
    refused = await easyflow("dlq", "replay", str(listing), "--set", "a=1", *WHY)
    assert "this payload is no object" in refused.sentence
    await database.execute("delete from easyflow.tasks where name = 'demo.echo'")
    refused = await easyflow("dlq", "replay", str(listing), "--payload", "{}", *WHY)
    assert "no worker has registered the task demo.echo" in refused.sentence


async def test_a_stale_look_is_refused_with_the_present_version(easyflow: Easyflow, database: Connection) -> None:
    job_id = await failed(database)
    done = await easyflow("dlq", "replay", str(job_id), "--seen-version", "3", *WHY)
    assert done.code == 1
    assert "the dead letter is at version 1 now, not 3" in done.sentence
    assert (await easyflow("dlq", "replay", str(job_id), "--seen-version", "1", *WHY)).code == 0


async def test_several_are_replayed_after_a_question_that_names_the_number(
    easyflow: Easyflow, database: Connection
) -> None:
    ids = [str(await failed(database)) for _ in range(3)]
    declined = await easyflow("dlq", "replay", *ids, *WHY, answer="n\n")
    assert (declined.code, declined.out) == (1, "")
    assert declined.err == "Replay 3 dead letters? [y/N] Nothing was changed.\n"
    unanswered = await easyflow("dlq", "replay", *ids, *WHY)
    assert (unanswered.code, await audit(database)) == (1, [])
    agreed = await easyflow("dlq", "replay", *ids, *WHY, "--json", answer="y\n")
    assert agreed.code == 0
    assert [item["id"] for item in agreed.json["items"]] == ids


async def test_all_of_a_task_are_replayed_in_the_order_of_their_jobs(easyflow: Easyflow, database: Connection) -> None:
    red = [str(await failed(database, tags=["red"])) for _ in range(2)]
    other = await failed(database)
    words = ("--all", "--task", "demo.echo", "--tag", "red", "--set", "message=again", *WHY, "--json")
    asked = await easyflow("dlq", "replay", *words)
    assert asked.err.startswith("Replay 2 dead letters of demo.echo? [y/N] ")
    done = await easyflow("dlq", "replay", *words, "--yes")
    assert [item["id"] for item in done.json["items"]] == red
    assert [row["job_id"] for row in await claim(database, 10)] == [UUID(job_id) for job_id in red]
    assert await place(database, other) == "FAILED"
    nothing = await easyflow("dlq", "replay", *words)
    assert (nothing.code, nothing.json) == (0, {"items": [], "refused": []})


async def test_one_refusal_among_all_leaves_the_others_replayed(easyflow: Easyflow, database: Connection) -> None:
    fits, misfit = await failed(database), await failed(database, payload="[1]")
    done = await easyflow(
        "dlq", "replay", "--all", "--task", "demo.echo", "--set", "message=x", *WHY, "--yes", "--json"
    )
    assert done.code == 1
    assert [item["id"] for item in done.json["items"]] == [str(fits)]
    assert [item["id"] for item in done.json["refused"]] == [str(misfit)]


async def test_a_discarded_letter_leaves_its_job_failed(easyflow: Easyflow, database: Connection) -> None:
    job_id = await failed(database)
    done = await easyflow("dlq", "discard", str(job_id), "--reason", "paid by hand", "--json")
    assert done.json["items"] == [
        {"id": str(job_id), "outcome": "discarded", "task": "demo.echo", "seen_version": 1, "version": 2}
    ]
    letter = await dead_letters.read(database, job_id)
    assert (letter["state"], letter["closed_by"], letter["closed_reason"]) == ("discarded", actor(), "paid by hand")
    assert await place(database, job_id) == "FAILED"
    listed = await easyflow("dlq", "list", "--state", "discarded", "--json")
    assert [item["job_id"] for item in listed.json["items"]] == [str(job_id)]


async def test_all_of_a_task_can_be_discarded(easyflow: Easyflow, database: Connection) -> None:
    ids = [await failed(database) for _ in range(2)]
    done = await easyflow("dlq", "discard", "--all", "--task", "demo.echo", "--reason", "of no use", answer="yes\n")
    assert (done.code, done.err) == (0, "Discard 2 dead letters of demo.echo? [y/N] ")
    assert [(await dead_letters.read(database, job_id))["state"] for job_id in ids] == ["discarded", "discarded"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["replay", "{id}"], "--reason"),
        (["replay", "{id}", "--reason", " "], "--reason"),
        (["replay", *WHY], "name job ids, or choose --all"),
        (["replay", "{id}", "--all", "--task", "t", *WHY], "name job ids, or choose --all"),
        (["replay", "--all", *WHY], "--all needs --task"),
        (["replay", "{id}", "--task", "t", *WHY], "go with --all"),
        (["replay", "{id}", "{id}", "--seen-version", "1", *WHY], "--seen-version is for one job id"),
        (["replay", "{id}", "{id}", "--payload", "{}", *WHY], "--payload is for one job"),
        (["replay", "{id}", "--payload", "{}", "--set", "a=1", *WHY], "give one of them"),
        (["replay", "{id}", "--payload", "{", *WHY], "payload: not JSON"),
        (["replay", "{id}", "--set", "a", *WHY], "say --set field=value"),
        (["replay", "{id}", "--set", "=1", *WHY], "say --set field=value"),
        (["discard", "{id}"], "--reason"),
        (["list", "--state", "lost"], "--state"),
    ],
)
async def test_a_wrong_call_is_one_sentence_and_exit_code_2(easyflow: Easyflow, words: list[str], says: str) -> None:
    done = await easyflow("dlq", *(str(uuid4()) if word == "{id}" else word for word in words))
    assert (done.code, done.out) == (2, "")
    assert says in done.sentence


async def test_a_job_without_a_dead_letter_is_one_sentence_and_exit_code_1(easyflow: Easyflow) -> None:
    unknown = str(uuid4())
    for words in (["show", unknown], ["replay", unknown, *WHY], ["discard", unknown, *WHY]):
        done = await easyflow("dlq", *words)
        assert done.code == 1
        assert f"there is no dead letter of a job {unknown}" in done.sentence

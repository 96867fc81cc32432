"""What the clients do when an answer is lost after the API has done what it was asked: nothing happens twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from easyflow.client import Refused, Unavailable
from easyflow.storage.sql import Connection
from tests.support.api_process import losing_answers, running_api_process
from tests.support.either_client import EitherClient, Kind, either_client
from tests.support.factories import FAILED, claim, end
from tests.support.http_server import Asked
from tests.support.waiting import until

ANY = "test.any"


def first_two(asked: Asked, number: int) -> bool:
    """The answers that are lost."""
    return number <= 2


def acts(asked: Asked, number: int) -> bool:
    """Lose the answer to the first act only."""
    return number == 1


async def count(connection: Connection, table: str = "jobs") -> int:
    counted: int = await connection.fetchval(f"select count(*) from easyflow.{table}")
    return counted


async def events(connection: Connection, kind: str) -> int:
    counted: int = await connection.fetchval("select count(*) from easyflow.job_events where kind = $1", kind)
    return counted


async def dead(client: EitherClient, connection: Connection) -> str:
    """A job that failed; its id."""
    stored = await client("submit", ANY, {"n": 1})
    await end(connection, await claim(connection, tasks=[ANY]), FAILED)
    job_id: str = stored.id
    return job_id


async def test_a_submit_whose_answers_are_lost_makes_one_job(kind: Kind, api_url: str, database: Connection) -> None:
    async with losing_answers(api_url, first_two) as way, either_client(kind, way.url("")) as client:
        stored = await client("submit", ANY, {"n": 1})
        assert len(way.asked) == 3
    assert [str(row["id"]) for row in await database.fetch("select id from easyflow.jobs")] == [stored.id]
    assert not stored.existing


async def test_a_batch_whose_answers_are_lost_is_stored_once(kind: Kind, api_url: str, database: Connection) -> None:
    async with losing_answers(api_url, first_two) as way, either_client(kind, way.url("")) as client:
        ids = await client("submit_batch", [{"task": ANY, "payload": n} for n in range(700)])
        assert len(way.asked) == 3
    assert (await count(database), len(set(ids))) == (700, 700)


async def test_a_cancel_whose_answer_is_lost_is_one_cancel(
    kind: Kind, client: EitherClient, api_url: str, database: Connection
) -> None:
    stored = await client("submit", ANY, {})
    async with losing_answers(api_url, acts) as way, either_client(kind, way.url("")) as careful:
        assert (await careful("cancel", stored.id)).state == "CANCELLED"
        assert len(way.asked) == 2
    assert await events(database, "cancelled") == 1


@pytest.mark.parametrize("payload", [None, {"payload": {"n": 2}}], ids=["as it was", "edited"])
async def test_a_replay_whose_answer_is_lost_is_one_replay(
    kind: Kind, client: EitherClient, api_url: str, database: Connection, payload: dict[str, object] | None
) -> None:
    job_id = await dead(client, database)
    async with losing_answers(api_url, acts) as way, either_client(kind, way.url("")) as careful:
        job = await careful("replay", job_id, " the bank is back ", seen_version=1, **(payload or {}))
        assert [each.path.rpartition("/")[2] for each in way.asked] == ["replay", "replay"]
        assert len({each.headers["idempotency-key"] for each in way.asked}) == 1
    assert (job.id, job.state) == (job_id, "READY")
    assert await events(database, "replayed") == 1


async def test_a_discard_whose_answer_is_lost_is_one_discard(
    kind: Kind, client: EitherClient, api_url: str, database: Connection
) -> None:
    job_id = await dead(client, database)
    async with losing_answers(api_url, acts) as way, either_client(kind, way.url("")) as careful:
        assert (await careful("discard", job_id, "a test", seen_version=1)).state == "discarded"
    assert await events(database, "discarded") == 1


@pytest.mark.parametrize(
    ("act", "reason", "others", "own"),
    [
        ("discard", "the bank is back", {}, {}),
        ("replay", "tried by hand", {}, {}),
        ("replay", "the bank is back", {"payload": {"n": 3}}, {"payload": {"n": 2}}),
    ],
    ids=["another act", "another reason", "another payload"],
)
async def test_what_another_operator_did_is_not_taken_for_ones_own(
    kind: Kind,
    client: EitherClient,
    api_url: str,
    database: Connection,
    act: str,
    reason: str,
    others: dict[str, object],
    own: dict[str, object],
) -> None:
    job_id = await dead(client, database)
    await client(act, job_id, reason, seen_version=1, **others)
    # The answer to the first try is lost, and it was a refusal.
    async with losing_answers(api_url, acts) as way, either_client(kind, way.url("")) as late:
        with pytest.raises(Refused) as refused:
            await late("replay", job_id, "the bank is back", seen_version=1, **own)
    assert (refused.value.status, refused.value.unsure) == (409, True)


async def test_a_letter_that_moved_on_meanwhile_does_not_change_the_answer_that_was_lost(
    kind: Kind, client: EitherClient, api_url: str, database: Connection
) -> None:
    job_id = await dead(client, database)

    async def fail_again() -> None:
        await end(database, await claim(database, tasks=[ANY]), FAILED)

    async with losing_answers(api_url, acts, fail_again) as way, either_client(kind, way.url("")) as late:
        job = await late("replay", job_id, "the bank is back", seen_version=1)
    assert (job.id, job.state) == (job_id, "READY")
    assert await events(database, "replayed") == 1
    assert (await client("get_dead_letter", job_id)).version == 3


async def test_a_submit_waits_for_an_api_that_is_killed_and_started_again(
    kind: Kind, database: Connection, database_url: str, tmp_path: Path
) -> None:
    async with (
        running_api_process(database_url, tmp_path) as api,
        either_client(kind, api.url, patience_seconds=60) as client,
    ):
        first = await client("submit", ANY, {"n": 1})
        await api.kill()
        submitting = asyncio.create_task(client("submit", ANY, {"n": 2}))
        waiting = asyncio.create_task(client("wait", first.id, 60))
        await api.start()
        second = await submitting
        await end(database, await claim(database, 2, tasks=[ANY]))
        assert (await waiting).state == "SUCCEEDED"
    rows = await database.fetch("select id from easyflow.jobs order by id")
    assert [str(row["id"]) for row in rows] == [first.id, second.id]


async def test_an_api_killed_between_commit_and_answer_leaves_one_job(
    kind: Kind, database: Connection, database_url: str, tmp_path: Path
) -> None:
    async with (
        running_api_process(database_url, tmp_path) as api,
        losing_answers(api.url, acts, api.kill) as way,
        either_client(kind, way.url(""), patience_seconds=60) as client,
    ):
        submitting = asyncio.create_task(client("submit", ANY, {"n": 1}))

        async def tried_in_vain() -> bool:
            return len(way.asked) > 1

        await until(20, tried_in_vain)
        await api.start()
        job = await submitting
    assert [str(row["id"]) for row in await database.fetch("select id from easyflow.jobs")] == [job.id]


async def test_patience_ends_and_says_that_nothing_is_known(kind: Kind, api_url: str, database: Connection) -> None:
    async with (
        losing_answers(api_url, lambda asked, number: True) as way,
        either_client(kind, way.url(""), patience_seconds=1.0) as client,
    ):
        with pytest.raises(Unavailable, match="does not answer") as given_up:
            await client("submit", ANY, {})
    assert given_up.value.unsure
    assert await count(database) == 1

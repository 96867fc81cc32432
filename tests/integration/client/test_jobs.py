"""Submitting, following and listing jobs with either client, over a real socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from pydantic import BaseModel

from easyflow.client import JobFailed, Refused, TimedOut
from easyflow.errors import Invalid
from easyflow.storage.sql import Connection
from tests.support.api import PAY
from tests.support.command_line import running_worker
from tests.support.either_client import EitherClient
from tests.support.factories import FAILED, claim, end

ANY = "test.any"
DIGITS = {
    "small": Decimal("0.1000000000000000055511151231257827021"),
    "large": 12345678901234567890123456789012345678,
    "list": [Decimal("1.10"), -1, True, None],
}


class Payment(BaseModel):
    """A payload as its author writes it."""

    amount: int
    card: str


async def count(connection: Connection) -> int:
    counted: int = await connection.fetchval("select count(*) from easyflow.jobs")
    return counted


async def test_a_job_is_submitted_run_by_a_worker_and_waited_for(client: EitherClient, database_url: str) -> None:
    async with running_worker(database_url):
        echoed = await client("submit", "demo.echo", {"message": "hello"})
        assert (await client("wait", echoed.id, 30)).result == {"message": "hello"}
        failing = await client("submit", "demo.fail", {"message": "no card"}, max_attempts=1)
        with pytest.raises(JobFailed, match=r"is FAILED: .*no card") as failed:
            await client("wait", failing.id, 30)
        assert failed.value.job.id == failing.id
        assert failed.value.job.dead_letter is not None


async def test_everything_a_submit_can_say_arrives(client: EitherClient) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    said = {
        "queue": "q",
        "priority": 3,
        "ordering_key": "k",
        "max_attempts": 2,
        "timeout_seconds": 4.5,
        "tags": ("b", "a"),
    }
    stored = await client("submit", ANY, {"n": 1}, run_at=at, idempotency_key="schlüssel", **said)
    job = await client("get_job", stored.id)
    assert (job.run_at, job.tags) == (at, ["a", "b"])
    assert {name: getattr(job, name) for name in said if name != "tags"} == {
        n: v for n, v in said.items() if n != "tags"
    }
    delayed = await client("submit", ANY, None, delay_seconds=60, concurrency_key="c")
    assert (delayed.job.state, (await client("get_job", delayed.id)).payload) == ("SCHEDULED", None)


async def test_numbers_arrive_and_come_back_with_all_their_digits(client: EitherClient, database: Connection) -> None:
    stored = await client("submit", ANY, DIGITS)
    [in_batch] = await client("submit_batch", [{"task": ANY, "payload": DIGITS}])
    for job_id in (stored.id, in_batch):
        assert (await client("get_job", job_id)).payload == DIGITS
        text = await database.fetchval("select payload::text from easyflow.jobs where id = $1", job_id)
        assert "0.1000000000000000055511151231257827021" in text
        assert "12345678901234567890123456789012345678" in text


async def test_a_pydantic_model_is_a_payload(client: EitherClient) -> None:
    stored = await client("submit", PAY, Payment(amount=5, card="4711"))
    assert (await client("get_job", stored.id)).payload == {"amount": 5, "card": "4711"}


async def test_one_idempotency_key_makes_one_job(client: EitherClient, database: Connection) -> None:
    first, again = [await client("submit", ANY, {}, idempotency_key="k") for _ in range(2)]
    assert (first.existing, again.existing, first.id == again.id) == (False, True, True)
    with pytest.raises(Refused) as refused:
        await client("submit", ANY, {"other": True}, idempotency_key="k")
    assert (refused.value.code, refused.value.status) == ("idempotency_key_reused", 422)
    assert await count(database) == 1


async def test_a_batch_answers_its_ids_in_order_and_once_for_its_key(
    client: EitherClient, database: Connection
) -> None:
    jobs = [{"task": ANY, "payload": {"n": n}} for n in range(1200)]
    ids = await client("submit_batch", jobs, idempotency_key="night")
    rows = await database.fetch("select id, payload ->> 'n' as n from easyflow.jobs")
    assert [int(n) for n in map({str(row["id"]): row["n"] for row in rows}.__getitem__, ids)] == list(range(1200))
    assert await client("submit_batch", jobs, idempotency_key="night") == ids
    assert await client("submit_batch", []) == []
    assert await count(database) == 1200


async def test_a_batch_with_a_wrong_job_stores_none_and_names_it(client: EitherClient, database: Connection) -> None:
    with pytest.raises(Refused) as refused:
        await client(
            "submit_batch", [{"task": PAY, "payload": {"amount": 1}}, {"task": PAY, "payload": {"amount": "x"}}]
        )
    assert [each.at for each in refused.value.problems] == ["jobs.1.payload.amount"]
    assert await count(database) == 0


async def test_a_wait_ends_with_its_time_and_tells_where_the_job_is(client: EitherClient) -> None:
    stored = await client("submit", ANY, {})
    with pytest.raises(TimedOut, match=f"job {stored.id} is still READY") as late:
        await client("wait", stored.id, 0.1)
    assert late.value.job.state == "READY"


async def test_a_list_goes_over_all_pages_newest_first(client: EitherClient) -> None:
    ids = [(await client("submit", ANY, {}, tags=["t"])).id for _ in range(5)]
    await client("submit", ANY, {})
    listed = await client("list_jobs", tag="t", task=ANY, state="READY", page_size=2)
    assert [job.id for job in listed] == ids[::-1]
    assert await client("list_jobs", created_after=datetime.now(UTC) + timedelta(hours=1)) == []


async def test_a_cancelled_job_stays_cancelled(client: EitherClient) -> None:
    stored = await client("submit", ANY, {})
    states = [(await client("cancel", stored.id, reason="not needed")).state for _ in range(2)]
    assert states == ["CANCELLED", "CANCELLED"]
    with pytest.raises(JobFailed, match="is CANCELLED"):
        await client("wait", stored.id)


async def test_refusals_say_what_is_wrong_and_where(client: EitherClient) -> None:
    with pytest.raises(Refused, match="no worker has registered this task") as unknown:
        await client("submit", "no.such", {})
    assert [each.at for each in unknown.value.problems] == ["task"]
    assert unknown.value.request_id
    with pytest.raises(Refused, match="there is no job") as missing:
        await client("get_job", str(uuid4()))
    assert missing.value.status == 404
    with pytest.raises(Refused):
        await client("get_job", "../queues")
    with pytest.raises(Refused, match="state") as odd:
        await client("list_jobs", state="DONE")
    assert odd.value.status == 422


@pytest.mark.parametrize(
    "payload",
    [{1, 2}, {"a": float("nan")}, {"a": object()}, b"bytes", {1: 2}],
    ids=["a set", "no number", "an object", "bytes", "a key that is no text"],
)
async def test_what_is_no_json_is_refused_before_anything_is_sent(
    client: EitherClient, database: Connection, payload: object
) -> None:
    with pytest.raises(Invalid):
        await client("submit", ANY, payload)
    assert await count(database) == 0


async def test_a_dead_letter_is_looked_at_and_replayed_with_another_payload(
    client: EitherClient, database: Connection
) -> None:
    stored = await client("submit", PAY, {"amount": 1})
    await end(database, await claim(database, tasks=[PAY]), FAILED)
    [letter] = await client("list_dead_letters", task=PAY)
    detail = await client("get_dead_letter", stored.id)
    assert (letter.job_id, letter.version, detail.payload) == (stored.id, detail.version, {"amount": 1})
    with pytest.raises(Refused, match="amount"):
        await client("replay", stored.id, "corrected", seen_version=letter.version, payload={"amount": "x"})
    job = await client("replay", stored.id, "corrected", seen_version=letter.version, payload={"amount": 2})
    assert (job.state, (await client("get_job", stored.id)).payload) == ("READY", {"amount": 2})
    with pytest.raises(Refused) as stale:
        await client("replay", stored.id, "corrected", seen_version=letter.version)
    assert (stale.value.code, stale.value.version) == ("stale_version", letter.version + 1)


async def test_a_dead_letter_is_discarded_once(client: EitherClient, database: Connection) -> None:
    stored = await client("submit", ANY, {})
    await end(database, await claim(database, tasks=[ANY]), FAILED)
    gone = await client("discard", stored.id, "a test", seen_version=1)
    assert (gone.state, gone.closed_reason) == ("discarded", "a test")
    with pytest.raises(Refused):
        await client("discard", stored.id, "a test", seen_version=1)
    assert [each.job_id for each in await client("list_dead_letters", state="discarded")] == [stored.id]

"""The effect ledger: what is committed before and after something is done outside, and who may write there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from easyflow.domain.states import Effects
from easyflow.storage import effects
from easyflow.storage.sql import Connection
from tests.conftest import Connect
from tests.support.factories import claim, end, start_executor, stop_clock, submit_many
from tests.support.intents import (
    REQUEST,
    claimed_job,
    close_effect,
    closing_of,
    intent_of,
    kept,
    open_effect,
    reopen_effect,
    taken_over,
    two_claims,
)
from tests.support.mutations import mutated

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
REMEMBERED: dict[str, Any] = {"effects": Effects.KEYED, "key_window": 60.0}


async def counted(connection: Connection) -> int:
    return int(await connection.fetchval("select count(*) from easyflow.effects"))


async def test_an_intent_is_kept_with_all_that_a_re_run_must_know(connect: Connect) -> None:
    connection = await connect()
    await stop_clock(connection, NOON)
    row = await claimed_job(connection)
    answer = await open_effect(connection, row, **REMEMBERED)
    assert (answer["held"], answer["state"]) == (True, None)
    expected = {
        "state": "open", "effects": "keyed", "name": "charge", "key": f"{row['job_id']}.1", "request_hash": REQUEST,
        "claim_token": row["claim_token"], "lease_no": 1, "tries": 1, "opened_at": NOON, "closed_at": None,
        "repeat_until": NOON + timedelta(seconds=60), "closed_by": None, "note": None, "result": None,
    }  # fmt: skip
    found = await kept(connection, row["job_id"])
    assert {name: found[name] for name in expected} == expected


async def test_an_intent_under_a_stale_claim_is_refused_and_not_kept(connect: Connect) -> None:
    connection = await connect()
    old, present = await two_claims(connection)
    answer = await open_effect(connection, old)
    assert (answer["held"], answer["state"], await counted(connection)) == (False, None, 0)
    assert (await open_effect(connection, present))["held"]


async def test_without_the_token_a_stale_intent_would_be_kept(connect: Connect) -> None:
    connection = await connect()
    old, _ = await two_claims(connection)
    with mutated(
        "open_effects",
        ("and claim_token = any ($2::uuid[])", "and $2::uuid[] is not null"),
        ("join held using (job_id, claim_token)", "join held using (job_id)"),
    ):
        await open_effect(connection, old)
    assert await counted(connection) == 1


async def test_an_intent_of_a_job_that_is_over_is_refused(connect: Connect) -> None:
    connection = await connect()
    row = await claimed_job(connection)
    await end(connection, [row])
    assert not (await open_effect(connection, row))["held"]
    assert await counted(connection) == 0


async def test_an_intent_said_twice_by_one_claim_finds_itself(connect: Connect) -> None:
    connection = await connect()
    row = await claimed_job(connection)
    await open_effect(connection, row)
    again = await open_effect(connection, row)
    assert (again["held"], again["state"], again["claim_token"]) == (True, "open", row["claim_token"])
    assert (await kept(connection, row["job_id"]))["tries"] == 1


async def test_a_later_claim_is_told_what_the_ledger_holds_and_changes_nothing(connect: Connect) -> None:
    connection = await connect()
    old, present = await two_claims(connection, "keyed")
    before = await kept(connection, old["job_id"])
    told = await open_effect(connection, present, request_hash=b"other", name="refund", effects=Effects.UNSAFE)
    assert {
        name: told[name] for name in ("held", "state", "name", "effects", "key", "request_hash", "claim_token")
    } == {
        "held": True, "state": "open", "name": "charge", "effects": "keyed", "key": before["key"],
        "request_hash": REQUEST, "claim_token": old["claim_token"],
    }  # fmt: skip
    assert await kept(connection, old["job_id"]) == before


async def test_a_recorded_result_is_told_with_its_note(connect: Connect) -> None:
    connection = await connect()
    row = await claimed_job(connection)
    await open_effect(connection, row)
    assert await close_effect(connection, row, result='{"paid": 7}')
    told = await open_effect(connection, row)
    assert (told["state"], told["result"], told["note"]) == ("happened", '{"paid": 7}', None)


async def test_a_batch_with_one_stale_claim_keeps_the_others_and_answers_in_order(connect: Connect) -> None:
    connection = await connect()
    old, present = await two_claims(connection)
    await submit_many(connection, 2)
    first, second = await claim(connection, 2)
    asked = [intent_of(row) for row in (second, old, first)] + [intent_of(present, 2), intent_of(first, 2)]
    answers = await effects.open_intents(connection, asked)
    assert [row["held"] for row in answers] == [True, False, True, True, True]
    found = await connection.fetch("select job_id, ordinal from easyflow.effects")
    assert {tuple(row) for row in found} == {
        (second["job_id"], 1), (first["job_id"], 1), (first["job_id"], 2), (present["job_id"], 2),
    }  # fmt: skip


async def test_a_stale_claim_beside_the_live_one_of_its_job_is_refused(connect: Connect) -> None:
    connection = await connect()
    old, present = await two_claims(connection)
    answers = await effects.open_intents(connection, [intent_of(old, 1), intent_of(present, 2)])
    assert [row["held"] for row in answers] == [False, True]
    assert (await effects.close(connection, [closing_of(old, ordinal=2), closing_of(present, ordinal=2)])) == {
        (present["job_id"], 2)
    }
    assert await counted(connection) == 1


@pytest.mark.parametrize(("window", "after", "expired"), [(60.0, 60, False), (60.0, 61, True), (None, 10**6, False)])
async def test_a_key_is_remembered_for_its_window(
    connect: Connect, window: float | None, after: int, expired: bool
) -> None:
    connection = await connect()
    await stop_clock(connection, NOON)
    row = await claimed_job(connection)
    await open_effect(connection, row, effects=Effects.KEYED, key_window=window)
    await stop_clock(connection, NOON + timedelta(seconds=after))
    assert (await open_effect(connection, row))["expired"] is expired
    (found,) = (await effects.read_open(connection, [row["job_id"]]))[row["job_id"]]
    assert found.expired is expired


async def test_an_outcome_is_kept_once_and_never_changed_to_another(connect: Connect) -> None:
    connection = await connect()
    row = await claimed_job(connection)
    await open_effect(connection, row)
    assert await close_effect(connection, row)
    assert await close_effect(connection, row)
    assert not await close_effect(connection, row, "did_not_happen", result=None)
    found = await kept(connection, row["job_id"])
    assert (found["state"], found["result"], found["closed_by"]) == ("happened", '{"n": 1}', "worker")
    assert found["closed_at"] is not None
    assert await effects.read_open(connection, [row["job_id"]]) == {}


async def test_what_did_not_happen_is_not_turned_into_what_happened(connect: Connect) -> None:
    connection = await connect()
    row = await claimed_job(connection)
    await open_effect(connection, row)
    assert await close_effect(connection, row, "did_not_happen", result=None)
    assert not await close_effect(connection, row)
    with mutated("close_effects", ("and e.state in ('open', g.state)", "")):
        assert await close_effect(connection, row)


async def test_only_the_claim_that_opened_an_effect_closes_it(connect: Connect) -> None:
    connection = await connect()
    old, present = await two_claims(connection, "keyed")
    assert not await close_effect(connection, old)
    assert not await close_effect(connection, present)
    assert (await kept(connection, old["job_id"]))["state"] == "open"
    with mutated("close_effects", ("and e.claim_token = g.claim_token", "")):
        assert await close_effect(connection, present)


async def test_without_the_fence_a_claim_that_was_taken_over_would_close_its_effect(connect: Connect) -> None:
    connection = await connect()
    old, _ = await two_claims(connection, "keyed")
    fence = ("and claim_token = any ($2::uuid[])", "and $2::uuid[] is not null")
    with mutated(
        "close_effects", fence, ("join held as h using (job_id, claim_token)", "join held as h using (job_id)")
    ):
        assert await close_effect(connection, old)


async def test_a_re_run_opens_again_what_is_open_with_the_same_request_and_counts_it(connect: Connect) -> None:
    connection = await connect()
    old, present = await two_claims(connection, "keyed")
    before = await kept(connection, old["job_id"])
    assert await reopen_effect(connection, present, effects=Effects.KEYED)
    assert await reopen_effect(connection, present, effects=Effects.KEYED)
    found = await kept(connection, old["job_id"])
    assert (found["claim_token"], found["lease_no"], found["tries"]) == (present["claim_token"], 2, 2)
    assert (found["opened_at"], found["key"]) == (before["opened_at"], before["key"])
    assert await close_effect(connection, present)


async def test_a_re_run_does_not_open_again_under_a_stale_claim(connect: Connect) -> None:
    connection = await connect()
    old, _ = await two_claims(connection, "keyed")
    assert not await reopen_effect(connection, old)
    with mutated(
        "reopen_effects",
        ("and claim_token = any ($2::uuid[])", "and $2::uuid[] is not null"),
        ("join held as h using (job_id, claim_token)", "join held as h using (job_id)"),
    ):
        assert await reopen_effect(connection, old)


@pytest.mark.parametrize(
    ("state", "request_hash", "opened"),
    [
        ("open", REQUEST, True),
        ("open", b"other", False),
        ("did_not_happen", REQUEST, True),
        ("did_not_happen", b"other", True),
        ("happened", REQUEST, False),
        ("happened", b"other", False),
    ],
)
async def test_only_what_did_not_happen_and_the_same_open_request_are_opened_again(
    connect: Connect, state: str, request_hash: bytes, opened: bool
) -> None:
    connection = await connect()
    row = await claimed_job(connection)
    await open_effect(connection, row)
    if state != "open":
        await close_effect(connection, row, state, result=None)
    before = await kept(connection, row["job_id"])
    assert await reopen_effect(connection, row, request_hash=request_hash, name="again") is opened
    after = await kept(connection, row["job_id"])
    if not opened:
        assert after == before
    else:
        assert (after["state"], after["request_hash"], after["closed_at"]) == ("open", request_hash, None)
        assert (after["name"], after["closed_by"]) == ("again", None)


@pytest.mark.parametrize(("closed", "until"), [(False, 60), (True, 30 + 60)])
async def test_the_time_a_key_is_remembered_goes_on_from_the_first_call_that_may_have_arrived(
    connect: Connect, closed: bool, until: int
) -> None:
    connection = await connect()
    await stop_clock(connection, NOON)
    row = await claimed_job(connection)
    await open_effect(connection, row, **REMEMBERED)
    if closed:
        await close_effect(connection, row, "did_not_happen", result=None)
    await stop_clock(connection, NOON + timedelta(seconds=30))
    assert await reopen_effect(connection, row, **REMEMBERED)
    found = await kept(connection, row["job_id"])
    assert found["repeat_until"] == NOON + timedelta(seconds=until)
    assert found["tries"] == (2 if closed else 1)


async def test_what_is_open_is_not_opened_again_once_its_receiver_may_have_forgotten_the_key(connect: Connect) -> None:
    connection = await connect()
    await stop_clock(connection, NOON)
    executor_id = await start_executor(connection)
    old = await claimed_job(connection, executor_id)
    await open_effect(connection, old, **REMEMBERED)
    present = await taken_over(connection, old, executor_id)
    before = await kept(connection, old["job_id"])
    await stop_clock(connection, NOON + timedelta(seconds=60))
    assert not (await open_effect(connection, present, **REMEMBERED))["expired"]
    await stop_clock(connection, NOON + timedelta(seconds=60, microseconds=1))
    assert not await reopen_effect(connection, present, **REMEMBERED)
    assert await kept(connection, old["job_id"]) == before
    with mutated("reopen_effects", ("and (e.repeat_until is null or e.repeat_until >= easyflow.clock())", "")):
        assert await reopen_effect(connection, present, **REMEMBERED)


async def test_one_result_that_cannot_be_kept_stops_its_whole_batch(connect: Connect) -> None:
    connection = await connect()
    rows = [await claimed_job(connection) for _ in range(2)]
    await effects.open_intents(connection, [intent_of(row) for row in rows])
    with pytest.raises(asyncpg.DataError):
        await effects.close(connection, [closing_of(rows[0]), closing_of(rows[1], result='"a\\u0000b"')])
    assert [(await kept(connection, row["job_id"]))["state"] for row in rows] == ["open", "open"]


async def test_the_ledger_of_some_jobs_is_read_in_order_and_of_others_not(connect: Connect) -> None:
    connection = await connect()
    first, second, other = [await claimed_job(connection) for _ in range(3)]
    for row, ordinal in ((second, 1), (first, 2), (first, 1), (other, 1)):
        await open_effect(connection, row, ordinal)
    read = await effects.read(connection, [second["job_id"], first["job_id"], uuid4()])
    assert [(row["job_id"], row["ordinal"]) for row in read] == sorted(
        [(first["job_id"], 1), (first["job_id"], 2), (second["job_id"], 1)]
    )

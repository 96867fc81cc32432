"""Effects outside: recorded before and after, never repeated blindly, whatever dies on the way."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from easyflow.storage import effects, in_doubt
from easyflow.storage.notifications import notify_ready
from tests.support.site import Site
from tests.support.waiting import until
from tests.support.worker import Worker

ENDS = ("SUCCEEDED", "FAILED", "IN_DOUBT")


async def until_quiet(site: Site, job_id: UUID) -> str:
    """Wait until a job has ended or is in doubt; where it is."""
    found = ""

    async def quiet() -> bool:
        nonlocal found
        found = (await site.states([job_id]))[job_id]
        return found in ENDS

    await until(15, quiet, lambda: f"{job_id} is {found}")
    return found


async def ledger(site: Site, job_id: UUID) -> list[asyncpg.Record]:
    return await effects.read(site.connection, [job_id])


def keys(site: Site, job_id: UUID) -> list[str]:
    """The keys of what really happened outside, in its order."""
    return [each["key"] for each in site.trace.events("charged", job_id)]


@pytest.mark.parametrize("kind", ["keyed", "unsafe", "queryable", "keyed_sync", "unsafe_apart"])
async def test_an_effect_that_goes_well_stands_in_the_ledger(site: Site, worker: Worker, kind: str) -> None:
    job_id = await site.submit(f"test.charge_{kind}", {"amount": 7})
    assert await until_quiet(site, job_id) == "SUCCEEDED"
    (effect,) = await ledger(site, job_id)
    (key,) = keys(site, job_id)
    assert (effect["state"], effect["key"], effect["name"], effect["tries"]) == ("happened", key, "charge", 1)
    assert key.startswith(f"{job_id}.1.")
    assert (await site.result(job_id))["receipts"] == [{"number": 1, "key": key}]


@pytest.mark.parametrize(
    ("kind", "first", "state", "happened"),
    [
        ("keyed", "die_before", "SUCCEEDED", 1),
        ("keyed", "die_after", "SUCCEEDED", 2),
        ("keyed", "breaks", "SUCCEEDED", 2),
        ("keyed", "hangs", "SUCCEEDED", 2),
        ("keyed", "swallows", "SUCCEEDED", 2),
        ("keyed", "refused", "SUCCEEDED", 1),
        ("keyed_sync", "die_after", "SUCCEEDED", 2),
        ("keyed_apart", "die_after", "SUCCEEDED", 2),
        ("unsafe", "die_before", "IN_DOUBT", 0),
        ("unsafe", "die_after", "IN_DOUBT", 1),
        ("unsafe", "breaks", "IN_DOUBT", 1),
        ("unsafe", "hangs", "IN_DOUBT", 1),
        ("unsafe", "swallows", "IN_DOUBT", 1),
        ("unsafe", "refused", "SUCCEEDED", 1),
        ("unsafe", "other", "IN_DOUBT", 1),
        ("keyed", "other", "IN_DOUBT", 1),
        ("keyed", "forgets", "IN_DOUBT", 1),
        ("keyed_apart", "forgets", "IN_DOUBT", 1),
        ("unsafe_sync", "die_after", "IN_DOUBT", 1),
        ("unsafe_sync", "breaks", "IN_DOUBT", 1),
        ("unsafe_apart", "die_after", "IN_DOUBT", 1),
        ("unsafe_apart", "hangs", "IN_DOUBT", 1),
        ("unsafe_apart", "breaks", "IN_DOUBT", 1),
        ("forgetful", "breaks", "IN_DOUBT", 1),
        ("forgetful", "die_after", "IN_DOUBT", 1),
    ],
)
async def test_the_ledger_decides_what_becomes_of_an_attempt_that_broke_off(
    site: Site, worker: Worker, kind: str, first: str, state: str, happened: int
) -> None:
    job_id = await site.submit(f"test.charge_{kind}", {"first": first})
    assert await until_quiet(site, job_id) == state, await site.attempts(job_id)
    assert len(keys(site, job_id)) == happened
    assert len(set(keys(site, job_id))) <= 1
    await site.assert_conserved()


@pytest.mark.parametrize(
    ("answer", "state", "happened"),
    [("happened", "SUCCEEDED", 1), ("did_not_happen", "SUCCEEDED", 2), ("unknown", "IN_DOUBT", 1)],
)
async def test_a_receiver_that_can_be_asked_is_asked_before_anything_is_repeated(
    site: Site, worker: Worker, answer: str, state: str, happened: int
) -> None:
    job_id = await site.submit("test.charge_queryable", {"first": "die_after", "answer": answer})
    assert await until_quiet(site, job_id) == state
    assert len(keys(site, job_id)) == happened
    (asked,) = site.trace.events("asked", job_id)
    assert asked["key"] == keys(site, job_id)[0]
    assert asked["fence"] > 1


async def test_a_recorded_result_is_given_again_instead_of_a_second_call(site: Site, worker: Worker) -> None:
    job_id = await site.submit("test.charge_keyed", {"effects": 3, "first": "other", "amount": 5})
    assert await until_quiet(site, job_id) == "IN_DOUBT"
    assert len(keys(site, job_id)) == 3
    assert [row["state"] for row in await ledger(site, job_id)] == ["happened"] * 3


async def settle(site: Site, job_id: UUID, outcome: Any, **said: Any) -> None:
    version = (await site.ticket(job_id))["lease_no"]
    async with site.connection.transaction():
        await in_doubt.settle(
            site.connection, job_id, outcome=outcome, seen_version=version, reason="asked the bank", actor="ann", **said
        )
    await notify_ready(site.connection, ["default"])


@pytest.mark.parametrize(
    ("outcome", "state", "happened"), [("happened", "SUCCEEDED", 2), ("did_not_happen", "SUCCEEDED", 3)]
)
async def test_a_settled_job_goes_on_where_it_stood(
    site: Site, worker: Worker, outcome: str, state: str, happened: int
) -> None:
    job_id = await site.submit("test.charge_unsafe", {"first": "die_after", "effects": 2})
    assert await until_quiet(site, job_id) == "IN_DOUBT"
    said = {"result": '{"number": 99, "key": "by phone"}'} if outcome == "happened" else {}
    await settle(site, job_id, outcome, **said)
    assert await site.until_ended(job_id) == [state]
    assert len(keys(site, job_id)) == happened
    receipts = (await site.result(job_id))["receipts"]
    assert [each["number"] for each in receipts] == ([99, 2] if outcome == "happened" else [2, 2])
    await site.assert_conserved()

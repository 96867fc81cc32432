"""What a claim took whose reply was lost is run all the same, by whatever way it was lost, and nothing is charged."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

import asyncpg
import pytest

from easyflow.engine import claimer
from easyflow.storage import queues
from easyflow.storage.queues import QueueSettings
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.workers import retire
from tests.conftest import Connect
from tests.support.factories import start_executor, submit_many, ticket_of
from tests.support.hands import Hands, claiming
from tests.support.proxy import Proxy, running_proxy
from tests.support.waiting import until

OPEN = QueueSettings(("default",), ())
LIMITED = QueueSettings((), ("default",))


async def until_known(connection: asyncpg.Connection, hands: Hands, ids: list[UUID], seconds: float = 10.0) -> None:
    """Wait until the claimer knows all jobs; fails if it holds one it does not know, or one was charged."""

    async def all_known() -> bool:
        return {row["job_id"] for row in hands.accepted} == set(ids)

    await until(seconds, all_known, lambda: f"{len(hands.accepted)} of {len(ids)}")
    held = await connection.fetch("select claim_token from easyflow.leases")
    assert {row["claim_token"] for row in held} == {row["claim_token"] for row in hands.accepted}
    for job_id in ids:
        row = await ticket_of(connection, job_id)
        assert [row[name] for name in ("retry_count", "losses", "unstarted")] == [0, 0, 0]
    assert await connection.fetchval("select count(*) from easyflow.attempts") == 0


def lose_once(line: Proxy) -> None:
    line.swallow("claim_jobs")


def lose_twice(line: Proxy) -> None:
    line.swallow("claim_jobs", times=2)


def lose_the_hand_back_too(line: Proxy) -> None:
    line.swallow("claim_jobs")
    line.swallow("hand_back_jobs")
    line.refuse("read_claims")


@pytest.mark.parametrize("lose", [lose_once, lose_twice, lose_the_hand_back_too])
async def test_a_claim_whose_reply_is_lost_is_handed_back_and_claimed_again(
    connect: Connect, database_url: str, lose: object
) -> None:
    connection = await connect()
    ids = await submit_many(connection, 12)
    async with running_proxy(database_url) as line:
        hands = Hands(line.url, await start_executor(connection), OPEN)
        assert callable(lose)
        lose(line)
        async with claiming(hands):
            await until_known(connection, hands, ids)
        assert line.swallowed["claim_jobs"] == (2 if lose is lose_twice else 1)


async def test_each_loss_is_followed_up_at_once(
    connect: Connect, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claimer, "UNHEARD_EVERY_SECONDS", 60.0)
    connection = await connect()
    ids = await submit_many(connection, 12)
    async with running_proxy(database_url) as line:
        line.swallow("claim_jobs", times=3)
        hands = Hands(line.url, await start_executor(connection), OPEN)
        async with claiming(hands):
            await until_known(connection, hands, ids)
        assert line.swallowed == {"claim_jobs": 3}


async def test_a_claim_from_a_limited_queue_whose_commit_is_unheard_is_found_too(
    connect: Connect, database_url: str
) -> None:
    connection = await connect()
    await queues.change(connection, "default", actor="test", concurrency=5)
    ids = await submit_many(connection, 5)
    async with running_proxy(database_url) as line:
        line.swallow("COMMIT of claim_jobs")
        hands = Hands(line.url, await start_executor(connection), LIMITED)
        async with claiming(hands):
            await until_known(connection, hands, ids)
        assert line.swallowed == {"COMMIT of claim_jobs": 1}


async def test_a_line_that_falls_silent_holds_a_claim_up_no_longer_than_its_patience(
    connect: Connect, database_url: str
) -> None:
    connection = await connect()
    ids = await submit_many(connection, 12)
    async with running_proxy(database_url) as line:
        line.swallow("claim_jobs", then="silence")
        hands = Hands(line.url, await start_executor(connection), OPEN, seconds=1.0)
        began = time.monotonic()
        async with claiming(hands):
            await until_known(connection, hands, ids)
        assert 0.9 < time.monotonic() - began < 5
        assert line.swallowed == {"claim_jobs": 1}


async def test_an_executor_that_ends_with_a_claim_unheard_hands_it_back_uncharged(
    connect: Connect, database_url: str
) -> None:
    connection = await connect()
    ids = await submit_many(connection, 12)
    async with running_proxy(database_url) as line:
        hands = Hands(line.url, await start_executor(connection), OPEN)
        line.swallow("claim_jobs")
        line.refuse("read_claims", times=100)
        running = asyncio.create_task(hands.claimer.run())

        async def looked() -> bool:
            return line.refused["read_claims"] > 0

        await until(10, looked)
        hands.claimer.stop()
        running.cancel()
        await asyncio.wait([running])
        line.heal()
        await hands.claimer.give_up()
        await hands.connection.close()
    assert hands.accepted == []
    for job_id in ids:
        row = await ticket_of(connection, job_id)
        assert [row[name] for name in ("state", "unstarted", "losses")] == ["READY", 0, 0]


async def test_an_executor_that_dies_with_a_claim_unheard_costs_it_one_unstarted_claim(
    connect: Connect, database_url: str
) -> None:
    connection = await connect()
    ids = await submit_many(connection, 12)
    executor_id = await start_executor(connection)
    async with running_proxy(database_url) as line:
        hands = Hands(line.url, executor_id, OPEN)
        line.swallow("claim_jobs")
        line.refuse("read_claims", times=100)
        running = asyncio.create_task(hands.claimer.run())

        async def looked() -> bool:
            return line.refused["read_claims"] > 0

        await until(10, looked)
        running.cancel()
        await asyncio.wait([running])
        hands.connection.drop()
    await retire(connection, executor_id)
    assert len(await rescue(connection, [executor_id], lambda token: "unstarted", Limits(3, 10))) == 12
    for job_id in ids:
        row = await ticket_of(connection, job_id)
        assert [row[name] for name in ("state", "unstarted", "losses", "retry_count")] == ["READY", 1, 0, 0]

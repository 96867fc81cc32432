"""Intents and outcomes of effects for tests of the ledger's statements; a test names only what matters to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from easyflow.domain.effects import EffectState
from easyflow.domain.states import Effects
from easyflow.storage import effects, workers
from easyflow.storage.effects import Closing, Intent
from easyflow.storage.rescue import Limits, rescue
from easyflow.storage.sql import Connection
from tests.support.factories import claim, start_executor, submit, ticket

REQUEST = b"the request"


def intent_of(claimed: asyncpg.Record, ordinal: int = 1, **facts: Any) -> Intent:
    """What the handler of a claimed job is about to do outside: an unsafe effect, unless told otherwise."""
    said = {
        "name": "charge",
        "effects": Effects.UNSAFE,
        "key": f"{claimed['job_id']}.{ordinal}",
        "request_hash": REQUEST,
        "key_window": None,
        **facts,
    }
    return Intent(claimed["job_id"], claimed["claim_token"], claimed["lease_no"], ordinal, **said)


def closing_of(
    claimed: asyncpg.Record, state: str = "happened", ordinal: int = 1, result: str | None = '{"n": 1}'
) -> Closing:
    """How an effect of a claimed job came out."""
    return Closing(claimed["job_id"], claimed["claim_token"], ordinal, EffectState(state), result, None)


async def open_effect(
    connection: Connection, claimed: asyncpg.Record, ordinal: int = 1, **facts: Any
) -> asyncpg.Record:
    """Commit one intent; the answer of the ledger."""
    (answer,) = await effects.open_intents(connection, [intent_of(claimed, ordinal, **facts)])
    return answer


async def open_for_ever(connection: Connection, claimed: asyncpg.Record, kind: str) -> None:
    """Leave an effect open: of a class, or `expired`, keyed with a receiver that has forgotten the key already."""
    if kind == "expired":
        await open_effect(connection, claimed, effects=Effects.KEYED, key_window=-1.0)
    elif kind != "none":
        await open_effect(connection, claimed, effects=Effects(kind))


async def close_effect(connection: Connection, claimed: asyncpg.Record, *said: Any, **more: Any) -> bool:
    """Record the outcome of one effect; whether it was accepted."""
    return len(await effects.close(connection, [closing_of(claimed, *said, **more)])) == 1


async def reopen_effect(connection: Connection, claimed: asyncpg.Record, **facts: Any) -> bool:
    """Commit an intent for what the ledger knows; whether it is open now."""
    return len(await effects.reopen_intents(connection, [intent_of(claimed, **facts)])) == 1


async def kept(connection: Connection, job_id: UUID, ordinal: int = 1) -> dict[str, Any]:
    """One row of the ledger."""
    row = await connection.fetchrow(
        "select * from easyflow.effects where job_id = $1 and ordinal = $2", job_id, ordinal
    )
    assert row is not None
    return dict(row)


async def claimed_job(connection: Connection, executor_id: UUID | None = None, **facts: Any) -> asyncpg.Record:
    """One job, claimed."""
    await submit(connection, ticket(**facts))
    (row,) = await claim(connection, executor_id=executor_id)
    return row


async def taken_over(connection: Connection, old: asyncpg.Record, executor_id: UUID) -> asyncpg.Record:
    """Let the executor of a claim die and another one claim the job; the present claim."""
    await workers.retire(connection, executor_id)
    await rescue(connection, [executor_id], lambda token: "bystander", Limits(3, 10))
    (present,) = await claim(connection)
    assert present["job_id"] == old["job_id"]
    return present


async def two_claims(connection: Connection, opened: str | None = None) -> tuple[asyncpg.Record, asyncpg.Record]:
    """One job claimed twice, first by an executor that died (with an effect of this class open): both claims."""
    executor_id = await start_executor(connection)
    old = await claimed_job(connection, executor_id)
    if opened:
        await open_effect(connection, old, effects=Effects(opened))
    return old, await taken_over(connection, old, executor_id)

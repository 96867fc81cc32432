"""Jobs in doubt, made by the doors the engine uses: an effect is opened, and its attempt ends without its outcome."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.domain.effects import EffectState
from easyflow.domain.outcome import Fault, InDoubt
from easyflow.domain.states import Effects
from easyflow.storage import effects
from easyflow.storage.effects import Closing, Intent
from easyflow.storage.sql import Connection
from tests.support.factories import QUEUE, TASK, claim, end, submit, ticket

BROKEN = Fault("ConnectionResetError", "the line broke")
WHY = "effect charge (unsafe): it may or may not have happened"


async def in_doubt(connection: Connection, names: Sequence[str] = ("charge",), **facts: Any) -> UUID:
    """A job that opened effects of these names, all but the last of which happened; its id."""
    (job_id,) = await submit(connection, ticket(**facts))
    (claimed,) = await claim(connection, queues=[facts.get("queue", QUEUE)], tasks=[facts.get("task", TASK)])
    await doubt(connection, claimed, names)
    assert claimed["job_id"] == job_id
    return job_id


async def doubt(connection: Connection, claimed: asyncpg.Record, names: Sequence[str] = ("charge",)) -> None:
    """Open effects under a claim, let all but the last happen, and end the attempt in doubt."""
    intents = [_intent(claimed, ordinal, name) for ordinal, name in enumerate(names, 1)]
    if intents:
        await effects.open_intents(connection, intents)
        await effects.close(connection, [_closing(each) for each in intents[:-1]])
    assert await end(connection, [claimed], InDoubt(WHY, BROKEN))


def _intent(claimed: asyncpg.Record, ordinal: int, name: str) -> Intent:
    digest = hashlib.sha256(name.encode()).digest()
    key = f"{claimed['job_id']}.{ordinal}.{digest.hex()[:8]}"
    return Intent(
        claimed["job_id"],
        claimed["claim_token"],
        claimed["lease_no"],
        ordinal,
        name,
        Effects.UNSAFE,
        key,
        digest,
        None,
    )


def _closing(intent: Intent) -> Closing:
    return Closing(intent.job_id, intent.claim_token, intent.ordinal, EffectState.HAPPENED, '{"n": 1.10}', None)

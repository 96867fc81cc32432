"""The effect ledger: intents committed before anything is done outside, results after it, all behind the fence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from easyflow.domain.effects import EffectState, OpenEffect
from easyflow.domain.states import Effects
from easyflow.storage.sql import Connection, statement


@dataclass(frozen=True, slots=True)
class Intent:
    """What a handler is about to do outside, under its claim; `key_window` in seconds, None for ever."""

    job_id: UUID
    claim_token: UUID
    lease_no: int
    ordinal: int
    name: str
    effects: Effects
    key: str
    request_hash: bytes
    key_window: float | None


@dataclass(frozen=True, slots=True)
class Closing:
    """How an effect came out, under the claim that opened it; `result` is JSON text, None for null."""

    job_id: UUID
    claim_token: UUID
    ordinal: int
    state: EffectState
    result: str | None
    note: str | None


async def open_intents(connection: Connection, intents: Sequence[Intent]) -> list[asyncpg.Record]:
    """Commit intents in one statement; answers in their order, see open_effects.sql.

    An answer that is not `held` means that the claim is another's now: nothing may be done. One with a `state` tells of
    the effect that was there before, and nothing was changed. Said twice (the first answer was lost), the second finds
    the first's row under its own claim token.
    """
    return await statement("open_effects").fetch(connection, **_columns(intents))


async def reopen_intents(connection: Connection, intents: Sequence[Intent]) -> set[tuple[UUID, int]]:
    """Commit intents for effects the ledger knows as open or as not having happened; returns those that are open now.

    One that is missing lost its claim, or its outcome was recorded meanwhile: nothing may be done.
    """
    rows = await statement("reopen_effects").fetch(connection, **_columns(intents))
    return {(row["job_id"], row["ordinal"]) for row in rows}


async def close(connection: Connection, closings: Sequence[Closing]) -> set[tuple[UUID, int]]:
    """Record outcomes in one statement; returns the accepted. One that is missing lost its claim."""
    rows = await statement("close_effects").fetch(
        connection,
        job_ids=[each.job_id for each in closings],
        claim_tokens=[each.claim_token for each in closings],
        ordinals=[each.ordinal for each in closings],
        states=[each.state for each in closings],
        results=[each.result for each in closings],
        notes=[each.note for each in closings],
    )
    return {(row["job_id"], row["ordinal"]) for row in rows}


async def read(connection: Connection, job_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return the ledger of some jobs, by job and ordinal; see read_effects.sql."""
    return await statement("read_effects").fetch(connection, job_ids=list(job_ids))


async def read_latest(
    connection: Connection, job_id: UUID, *, max_effects: int, max_bytes: int
) -> list[asyncpg.Record]:
    """Return the ledger of one job by ordinal; see read_latest_effects.sql for what is left out of a long one."""
    return await statement("read_latest_effects").fetch(
        connection, job_id=job_id, max_effects=max_effects, max_bytes=max_bytes
    )


async def read_open(connection: Connection, job_ids: Sequence[UUID]) -> dict[UUID, list[OpenEffect]]:
    """Return the open effects of those jobs that have any; only behind a lock on their leases is it the last word."""
    found: dict[UUID, list[OpenEffect]] = defaultdict(list)
    if job_ids:
        for row in await statement("read_open_effects").fetch(connection, job_ids=list(job_ids)):
            found[row["job_id"]].append(OpenEffect(row["name"], Effects(row["effects"]), row["expired"]))
    return found


def reason_of(in_doubt: Sequence[OpenEffect]) -> str:
    """Say in one sentence which effects are in doubt, and why none of them may be repeated."""
    named = ", ".join(f"{each.name} ({each.effects})" for each in in_doubt)
    why = "the time its receiver remembers keys is over" if in_doubt[0].expired else "it may or may not have happened"
    return f"effect {named}: {why}"


def _columns(intents: Sequence[Intent]) -> dict[str, list[object]]:
    return {
        "job_ids": [each.job_id for each in intents],
        "claim_tokens": [each.claim_token for each in intents],
        "lease_nos": [each.lease_no for each in intents],
        "ordinals": [each.ordinal for each in intents],
        "names": [each.name for each in intents],
        "effects": [each.effects for each in intents],
        "keys": [each.key for each in intents],
        "request_hashes": [each.request_hash for each in intents],
        "windows": [each.key_window for each in intents],
    }

"""Endings whose answer was lost: what the database says about them, and which leases someone else holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from uuid import UUID

import asyncpg

from easyflow.domain.outcome import Failed, HandedBack, InDoubt, Outcome, PutBack, Stopped, Succeeded, Vanished
from easyflow.storage.leases import Ending
from easyflow.storage.sql import Connection, statement

# What an attempt may say that was recorded by each kind of ending; a job with the cancel flag ends CANCELLED.
_WORDS: dict[type[Outcome], tuple[str, ...]] = {
    Succeeded: ("succeeded",),
    PutBack: ("retried", "snoozed", "cancelled"),
    Failed: ("failed", "cancelled", "lost"),
    InDoubt: ("in_doubt",),
    Vanished: ("lost", "in_doubt"),
    Stopped: ("retried", "snoozed", "failed", "cancelled", "in_doubt"),
    HandedBack: (),
}


async def read_back(
    connection: Connection, executor_id: UUID, endings: Sequence[Ending], sent: Mapping[UUID, Set[type[Outcome]]]
) -> list[asyncpg.Record]:
    """Return those of the endings that are recorded after all: job_id, queue, key, ordered, state of each.

    Ask for endings that a write has just refused, while earlier ones, of the kinds `sent` by claim token, may have
    committed unheard. Behind the refusal nothing is under way any more: the refused statement waited for the row.
    """
    rows = await statement("read_endings").fetch(
        connection,
        executor_id=executor_id,
        job_ids=[ending.job_id for ending in endings],
        lease_nos=[ending.lease_no for ending in endings],
    )
    pairs = zip(rows, endings, strict=True)
    return [row for row, ending in pairs if _is_ours(row, ending, sent[ending.claim_token])]


def _is_ours(row: asyncpg.Record, ending: Ending, sent: Set[type[Outcome]]) -> bool:
    """Only giving a job back leaves no attempt behind; who takes a lease away from us always records one."""
    if row["outcome"] is None:
        return isinstance(ending.outcome, HandedBack)
    if row["outcome"] == "lost" and Vanished not in sent and not row["started"]:
        return False  # a rescuer's word: it does not know when the attempt had started
    return bool(row["by_us"]) and any(row["outcome"] in _WORDS[kind] for kind in sent)


async def held_by_others(connection: Connection, endings: Sequence[Ending]) -> list[asyncpg.Record]:
    """Return claim_token of each lease that someone has locked: its ending would wait for him, and all with it."""
    return await statement("find_held_leases").fetch(
        connection,
        job_ids=[ending.job_id for ending in endings],
        claim_tokens=[ending.claim_token for ending in endings],
    )

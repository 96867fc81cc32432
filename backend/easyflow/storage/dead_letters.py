"""Dead letters: reading them, letting their jobs run again, setting them aside for good. Every act is audited."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.errors import Conflict, Missing, Stale
from easyflow.storage.admission import keys_of
from easyflow.storage.jobs import Moved, record_event
from easyflow.storage.runs.replaying import reopen, reopened
from easyflow.storage.sql import Connection, statement


async def read(connection: Connection, job_id: UUID) -> asyncpg.Record:
    """Return one dead letter with everything it kept; raises Missing."""
    row = await find(connection, job_id)
    if row is None:
        raise Missing(f"there is no dead letter of a job {job_id}")
    return row


async def find(connection: Connection, job_id: UUID) -> asyncpg.Record | None:
    """Return a job's dead letter, None when it never had one."""
    return await statement("read_dead_letter").fetchrow(connection, job_id=job_id)


async def replay(
    connection: Connection,
    job_id: UUID,
    *,
    seen_version: int,
    payload: str | None,
    actor: str,
    reason: str,
    request_id: str | None = None,
) -> Moved:
    """Let a failed job run again, on purpose, in the caller's transaction: the same job, a new epoch, fresh budgets.

    `payload` (JSON text, checked by the caller) becomes the next revision; the submitted one stays. Of two callers
    who saw the same version one wins. A run that FAILED for it goes on. Raises Missing, Stale with the present version,
    and Conflict when the dead letter is closed, or the job's run can no longer use it.
    """
    run = await reopen(connection, job_id)
    letter = await _locked(connection, job_id, seen_version)
    revision = int(letter["revision"])
    if payload is not None:
        revised = await statement("revise_payload").fetchrow(
            connection, job_id=job_id, payload=payload, actor=actor, reason=reason
        )
        assert revised is not None
        revision = revised["revision"]
    moved = await statement("replay_dead_letter").fetch(connection, job_id=job_id, revision=revision)
    if not moved:
        raise Conflict("the job of this dead letter is no longer FAILED")
    await _close(connection, letter, job_id, "replayed", actor, reason, {"revision": revision}, request_id)
    if run is not None:
        await reopened(connection, run)
    return Moved("replayed", str(moved[0]["queue"]), keys_of(moved))


async def discard(
    connection: Connection,
    job_id: UUID,
    *,
    seen_version: int,
    actor: str,
    reason: str,
    request_id: str | None = None,
) -> int:
    """Set a dead letter aside, in the caller's transaction; its job stays FAILED.

    Returns the new version; raises as `replay` does.
    """
    letter = await _locked(connection, job_id, seen_version)
    return await _close(connection, letter, job_id, "discarded", actor, reason, {}, request_id)


async def _locked(connection: Connection, job_id: UUID, seen_version: int) -> asyncpg.Record:
    letter = await statement("lock_dead_letter").fetchrow(connection, job_id=job_id)
    if letter is None:
        raise Missing(f"there is no dead letter of a job {job_id}")
    if letter["version"] != seen_version:
        raise Stale(
            f"the dead letter is at version {letter['version']} now, not {seen_version}", version=letter["version"]
        )
    if letter["state"] != "open":
        raise Conflict(f"the dead letter is {letter['state']} already", version=letter["version"])
    return letter


async def _close(
    connection: Connection,
    letter: asyncpg.Record,
    job_id: UUID,
    state: str,
    actor: str,
    reason: str,
    facts: dict[str, Any],
    request_id: str | None,
) -> int:
    closed = await statement("close_dead_letter").fetchrow(
        connection, job_id=job_id, state=state, actor=actor, reason=reason
    )
    assert closed is not None
    act = "replay" if state == "replayed" else "discard"
    await record_event(connection, job_id, state, actor, reason, json.dumps(facts) if facts else None)
    await statement("record_audit").fetch(
        connection,
        actor=actor,
        act=act,
        object_kind="dead letter",
        object_id=str(job_id),
        reason=reason,
        before=json.dumps({"version": letter["version"], "state": letter["state"]}),
        after=json.dumps({"version": closed["version"], "state": state, **facts}),
        request_id=request_id,
    )
    return int(closed["version"])

"""Jobs in doubt: an operator says what happened outside, once, and the job goes on from there. Every act is audited."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

import asyncpg

from easyflow.domain.effects import EffectState
from easyflow.domain.states import State
from easyflow.domain.workflow.states import StepState
from easyflow.errors import Conflict, Invalid, Stale
from easyflow.storage import jobs
from easyflow.storage.runs.endings import after_all
from easyflow.storage.sql import Connection, statement

Settlement = Literal["happened", "did_not_happen", "failed"]


async def read(connection: Connection, job_ids: Sequence[UUID]) -> dict[UUID, asyncpg.Record]:
    """Return why those of the jobs that are in doubt are so, and since when; see read_doubts.sql."""
    rows = await statement("read_doubts").fetch(connection, job_ids=list(job_ids))
    return {row["job_id"]: row for row in rows}


async def settle(
    connection: Connection,
    job_id: UUID,
    *,
    outcome: Settlement,
    seen_version: int,
    reason: str,
    actor: str,
    result: str | None = None,
    complete: bool = False,
    request_id: str | None = None,
) -> list[asyncpg.Record]:
    """Settle one job that is IN_DOUBT, in the caller's transaction; returns its queue, key, ordered and new state.

    `happened`: what is open is recorded as done with `result` (JSON text), and the handler runs on from there with it;
    with `complete` the job itself ends SUCCEEDED with that result and no handler runs. `did_not_happen`: what is open
    is recorded as not done, and the handler runs and does it. `failed`: the job ends FAILED as a dead letter, and what
    is open stays so: nobody has said what happened.
    Of two callers who saw the same version one wins. Raises Missing, Stale with the present version, Conflict when the
    job is not in doubt, and Invalid for a result or `complete` of what did not happen, or when nothing is open that
    could be recorded as done: a handler that ran on would do it again. Admit the returned keys behind the commit.
    """
    if outcome != "happened":
        _refuse(result=result is not None, complete=complete)
    doubt = await _locked(connection, job_id, seen_version)
    closed = await _close(connection, job_id, outcome, result, actor, reason)
    if outcome == "happened" and not closed and not complete:
        message = "nothing is open in its ledger that could be recorded as done: complete the job, or let it run"
        raise Invalid(message, [{"at": "complete", "message": message}])
    if outcome == "failed" or (complete and outcome == "happened"):
        state = State.FAILED if outcome == "failed" else State.SUCCEEDED
        moved = await statement("end_doubt").fetch(
            connection, job_id=job_id, state=state, result=None if result == "null" else result, reason=reason
        )
        await after_all(connection, {job_id: StepState(state)})
    else:
        moved = await statement("settle_doubt").fetch(connection, job_id=job_id)
    facts = {"outcome": outcome, "effects": [row["name"] for row in closed], "complete": complete}
    await _write_down(connection, job_id, doubt, moved[0]["state"], facts, actor, reason, request_id)
    return moved


def _refuse(**said: bool) -> None:
    problems = [{"at": name, "message": "goes with the outcome happened only"} for name, given in said.items() if given]
    if problems:
        raise Invalid("the request does not fit", problems)


async def _locked(connection: Connection, job_id: UUID, seen_version: int) -> asyncpg.Record:
    doubt = await statement("lock_doubt").fetchrow(connection, job_id=job_id)
    if doubt is None:
        now = await jobs.read(connection, job_id)
        message = f"only a job in doubt can be settled; this one is {now['state'] or 'on the move'}"
        raise Conflict(message, state=now["state"], version=now["lease_no"])
    if doubt["version"] != seen_version:
        raise Stale(f"the doubt is at version {doubt['version']} now, not {seen_version}", version=doubt["version"])
    return doubt


async def _close(
    connection: Connection, job_id: UUID, outcome: Settlement, result: str | None, actor: str, reason: str
) -> list[asyncpg.Record]:
    if outcome == "failed":
        return []
    # Without a result and with a note, the ledger would take it for one whose result could not be kept.
    recorded = "null" if outcome == "happened" and result is None else result
    return await statement("close_open_effects").fetch(
        connection, job_id=job_id, state=EffectState(outcome), result=recorded, closed_by=actor, note=reason
    )


async def _write_down(
    connection: Connection,
    job_id: UUID,
    doubt: asyncpg.Record,
    state: str,
    facts: dict[str, Any],
    actor: str,
    reason: str,
    request_id: str | None,
) -> None:
    await jobs.record_event(connection, job_id, "settled", actor, reason, json.dumps(facts))
    await statement("record_audit").fetch(
        connection,
        actor=actor,
        act="settle",
        object_kind="job",
        object_id=str(job_id),
        reason=reason,
        before=json.dumps({"version": doubt["version"], "state": "IN_DOUBT"}),
        after=json.dumps({"state": state, **facts}),
        request_id=request_id,
    )

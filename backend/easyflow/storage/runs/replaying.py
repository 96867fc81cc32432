"""Letting jobs of runs run again: the step is under way again, and a run that had FAILED goes on."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from easyflow.domain.workflow.states import RunState, StepState
from easyflow.errors import Conflict
from easyflow.storage.runs.advance import go_on
from easyflow.storage.runs.changes import COMPENSATION, Changes, Compensated
from easyflow.storage.runs.picture import RunPicture, lock
from easyflow.storage.sql import Connection, statement


async def reopen(connection: Connection, job_id: UUID) -> RunPicture | None:
    """Lock the run of a job that is to run again, and let its step, and the run if it FAILED, be under way again.

    Call it before the job moves, in the caller's transaction, and `reopened` behind that. None for a job of no run.
    Raises Conflict when the run was cancelled or takes back what its steps did, and when another has its key now.
    """
    place = await statement("read_places").fetchrow(connection, job_ids=[job_id])
    if place is None:
        return None
    run = (await lock(connection, [place["run_id"]]))[place["run_id"]]
    step = run.definition.by_number.get(place["step_no"])
    if step is None or step.name not in run.rows:
        raise Conflict("its run has no such step any more: the job cannot run again in it")
    row = run.rows[step.name]
    state = RunState(run.row["state"])
    if place["part"] == COMPENSATION:
        changes = Changes(compensated=[Compensated(run.id, step.number, StepState.RUNNING)])
        await changes.write(connection)
        return run
    if state in (RunState.CANCELLED, RunState.COMPENSATING) or run.row["compensated"] or run.row["stopping"]:
        undone = " and was compensated" if run.row["compensated"] else ""
        raise Conflict(f"its run is {state}{undone}: the job cannot run again in it", state=state)
    if place["part"] is not None:
        await _forget(connection, run, step.name, place)
    elif row["job_id"] != job_id:
        raise Conflict(f"step {step.name} of its run has another job now")
    if row["state"] in (StepState.FAILED, StepState.CANCELLED):
        await statement("reopen_step").fetch(connection, run_id=run.id, step_no=step.number)
    if state is RunState.FAILED:
        await reopen_run(connection, run)
    return run


async def reopen_run(connection: Connection, run: RunPicture) -> None:
    """Let a run that FAILED go on; raises Conflict when another run has its key now."""
    try:
        await statement("reopen_run").fetch(connection, run_id=run.id)
    except asyncpg.UniqueViolationError:
        raise Conflict("another run has its key now; wait until that is over") from None


async def reopened(connection: Connection, run: RunPicture) -> set[str]:
    """Let a run go on behind what was reopened in it; returns the queues that got jobs."""
    return (await go_on(connection, (await lock(connection, [run.id])).values(), Changes())).queues


async def _forget(connection: Connection, run: RunPicture, name: str, place: asyncpg.Record) -> None:
    """Count the items of a job as under way again."""
    step = run.definition.by_name[name]
    forgotten = await statement("forget_outcomes").fetch(
        connection, run_id=run.id, step_no=step.number, part=place["part"], items=place["items"] or 1
    )
    fact = run.maps[name]
    fact.failed -= sum(row["state"] != StepState.SUCCEEDED for row in forgotten)
    fact.succeeded -= sum(row["state"] == StepState.SUCCEEDED for row in forgotten)
    await Changes(counts=[(run.id, step.number, fact)]).write(connection)

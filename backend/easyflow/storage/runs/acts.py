"""Acts on runs: cancel, pause, resume, signal. Each is the caller's transaction, behind the lock of the run."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from uuid import UUID

from easyflow.domain import document
from easyflow.domain.workflow.definition import OnFailure, SignalStep, Step
from easyflow.domain.workflow.states import STEP_OVER, RunState, StepFact, StepState
from easyflow.errors import Conflict, Missing
from easyflow.storage import dead_letters
from easyflow.storage.runs.advance import Advanced, go_on
from easyflow.storage.runs.changes import Changes, Ended, Moved
from easyflow.storage.runs.picture import RunPicture, lock
from easyflow.storage.runs.replaying import reopen_run
from easyflow.storage.sql import Connection, statement


class Caller(NamedTuple):
    """Who acts, and why."""

    actor: str
    reason: str | None = None
    request_id: str | None = None


class Acted(NamedTuple):
    """What became of the run, and what is to be told behind the commit."""

    state: RunState
    advanced: Advanced


async def cancel(connection: Connection, run_id: UUID, caller: Caller, *, compensate: bool = True) -> Acted:
    """Have a run stop: nothing further begins, what waits is over, its jobs are stopped behind the commit.

    It is CANCELLED once the last of them has ended, and its finished steps are compensated before, unless `compensate`
    is false. Asking twice is the same as asking once, but for that: who asks again without it ends a compensation that
    cannot be brought to its end. Raises Missing, and Conflict when it is over otherwise.
    """
    run = await _live(connection, run_id, RunState.CANCELLED)
    if run is None:
        return Acted(RunState.CANCELLED, Advanced())
    if run.row["stopping"] is None or (run.row["compensates"] and not compensate):
        reason = caller.reason or "cancelled"
        await statement("stop_run").fetch(
            connection, run_id=run_id, stopping=RunState.CANCELLED, compensates=compensate, reason=reason
        )
        await _write_down(connection, run, "cancel", caller, {"compensate": compensate})
    return await _went_on(connection, run_id)


async def pause(connection: Connection, run_id: UUID, caller: Caller) -> Acted:
    """Release nothing further of a run until it is resumed; what runs comes to its end.

    Pausing twice is the same as once. Raises Missing, and Conflict when it is over or compensating.
    """
    run = await _live(connection, run_id, None)
    assert run is not None
    if run.row["state"] == RunState.COMPENSATING:
        raise Conflict("a run that compensates cannot be paused", state=run.row["state"])
    if run.row["state"] != RunState.PAUSED:
        changes = Changes(moved=[Moved(run_id, RunState.PAUSED)])
        await changes.write(connection)
        await _write_down(connection, run, "pause", caller, {})
    return Acted(RunState.PAUSED, Advanced())


async def signal(connection: Connection, run_id: UUID, name: str, value: Any, caller: Caller) -> Acted:
    """Give a run the signal it waits for, or will wait for: one that comes early is kept.

    `value` has been checked against the step's schema by the caller. Raises Missing when no step of
    the run waits for such a signal, Conflict when one came before, when its step is over, or the run is.
    """
    run = await _live(connection, run_id, None)
    assert run is not None
    step = _signal_step(run, name)
    fact = run.facts.get(step.name, StepFact())
    if fact.state in STEP_OVER and fact.state is not StepState.SUCCEEDED:
        raise Conflict(f"step {step.name} waits no longer: it {fact.state.lower()}", state=fact.state)
    text = document.dumps(value)
    added = await statement("add_signal").fetchrow(connection, run_id=run_id, name=name, value=text, actor=caller.actor)
    if added is None or fact.state is StepState.SUCCEEDED:
        first = await statement("read_signal").fetchrow(connection, run_id=run_id, name=name)
        by = f" from {first['actor']} at {first['at'].isoformat(timespec='seconds')}" if first and not added else ""
        raise Conflict(f"the signal {name} came before{by}" if by else f"step {step.name} waits no longer")
    await _write_down(connection, run, "signal", caller, {"signal": name, "early": fact.state is StepState.BLOCKED})
    changes = Changes()
    if fact.state is StepState.WAITING:
        run.end(step, StepState.SUCCEEDED)
        run.results[step.name] = value
        changes.ended.append(Ended(run_id, step.number, StepState.SUCCEEDED, result=text))
    return Acted(RunState(run.row["state"]), await go_on(connection, [run], changes))


def _signal_step(run: RunPicture, name: str) -> Step:
    """Return the step of a run that waits for a signal; raises Missing, naming those there are."""
    known = {step.kind.signal: step for step in run.definition.steps if isinstance(step.kind, SignalStep)}
    if name not in known:
        others = f"; it waits for {', '.join(sorted(known))}" if known else "; it waits for none"
        raise Missing(f"no step of this run waits for a signal {name}{others}")
    return known[name]


async def resume(connection: Connection, run_id: UUID, caller: Caller) -> Acted:
    """Let a paused run go on, or one that FAILED try its failed steps again: what SUCCEEDED is not repeated.

    The dead letters of its failed steps are replayed in the same transaction. Raises Missing, and Conflict when it is
    neither paused nor FAILED, was compensated, or a step cannot be tried again without doing something twice.
    """
    run = await _locked(connection, run_id)
    state = RunState(run.row["state"])
    if state is RunState.RUNNING and run.row["stopping"] is None:
        return Acted(RunState.RUNNING, Advanced())
    if state is RunState.PAUSED:
        await Changes(moved=[Moved(run_id, RunState.RUNNING)]).write(connection)
    elif state is RunState.FAILED and not run.row["compensated"]:
        await reopen_run(connection, run)
        for step in _ended_badly(run):
            await _try_again(connection, run, step, caller)
    else:
        compensated = " and was compensated" if run.row["compensated"] else ""
        raise Conflict(f"only a paused or failed run can be resumed; this one is {state}{compensated}", state=state)
    await _write_down(connection, run, "resume", caller, {})
    return await _went_on(connection, run_id)


def _ended_badly(run: RunPicture) -> list[Step]:
    """Return the steps because of which a run is not SUCCEEDED, in the order of its definition."""
    bad = (StepState.FAILED, StepState.CANCELLED)
    return [
        step
        for step in run.definition.steps
        if (state := run.facts.get(step.name, StepFact()).state) in bad
        and (step.on_failure is OnFailure.FAIL or state is StepState.CANCELLED)
    ]


async def _try_again(connection: Connection, run: RunPicture, step: Step, caller: Caller) -> None:
    """Let a step begin anew, or its failed jobs run again: a job that had effects is never replaced by another."""
    row = run.rows[step.name]
    if row["counts"] is not None:
        await statement("reopen_step").fetch(connection, run_id=run.id, step_no=step.number)
    for letter in await statement("find_failed_jobs").fetch(connection, run_id=run.id, step_no=step.number):
        await dead_letters.replay(
            connection,
            letter["job_id"],
            seen_version=letter["version"],
            payload=None,
            actor=caller.actor,
            reason=caller.reason or f"run {run.id} resumed",
            request_id=caller.request_id,
        )
    if row["counts"] is not None or (row["job_id"] and row["state"] == StepState.FAILED):
        return
    if row["job_id"]:
        done = await statement("count_acts_of").fetchrow(connection, job_id=row["job_id"])
        if done and done["effects"]:
            raise Conflict(f"step {step.name} was cancelled behind an effect of its job; begin a new run instead")
    await Changes(put_back=[(run.id, step.number)]).write(connection)


async def adjust(
    connection: Connection,
    run_id: UUID,
    step_name: str,
    caller: Caller,
    *,
    concurrency: int | None = None,
    tolerated_failures: int | None = None,
    tolerated_percent: float | None = None,
) -> Acted:
    """Change how many jobs of a map run at once, or how many of its items may fail, while it runs or before a resume.

    What is None stays. Raises Missing, and Conflict when the run is over for good or the step is no map that has begun.
    """
    run = await _locked(connection, run_id)
    if RunState(run.row["state"]) in (RunState.SUCCEEDED, RunState.CANCELLED) or run.row["compensated"]:
        raise Conflict(f"the run is {run.row['state']} already", state=run.row["state"])
    if step_name not in run.definition.by_name:
        raise Missing(f"there is no step {step_name} in this run")
    if step_name not in run.maps:
        raise Conflict(f"step {step_name} is no map, or has not begun")
    step = run.definition.by_name[step_name]
    facts = {
        "concurrency": concurrency,
        "tolerated_failures": tolerated_failures,
        "tolerated_percent": tolerated_percent,
    }
    await statement("adjust_map").fetch(connection, run_id=run_id, step_no=step.number, **facts)
    await _write_down(connection, run, "adjust", caller, {"step": step_name, **facts})
    return await _went_on(connection, run_id)


async def _live(connection: Connection, run_id: UUID, same: RunState | None) -> RunPicture | None:
    """Lock a run that is not over; None when it ended in the state that is asked for."""
    run = await _locked(connection, run_id)
    state = RunState(run.row["state"])
    if state is same:
        return None
    if state in (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED):
        raise Conflict(f"the run is {state} already", state=state)
    return run


async def _locked(connection: Connection, run_id: UUID) -> RunPicture:
    runs = await lock(connection, [run_id])
    if run_id not in runs:
        raise Missing(f"there is no run {run_id}")
    return runs[run_id]


async def _went_on(connection: Connection, run_id: UUID) -> Acted:
    """Let the run go on from what was just written about it."""
    run = await _locked(connection, run_id)
    advanced = await go_on(connection, [run], Changes())
    row = await statement("lock_runs").fetchrow(connection, run_ids=[run_id])
    assert row is not None
    return Acted(RunState(row["state"]), advanced)


async def _write_down(connection: Connection, run: RunPicture, act: str, caller: Caller, facts: dict[str, Any]) -> None:
    await write_down(connection, run.id, act, caller, detail=facts, before={"state": run.row["state"]}, after=facts)


async def write_down(
    connection: Connection,
    run_id: UUID,
    act: str,
    caller: Caller,
    *,
    detail: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    """Write an act down in the run's history, with `detail`, and in the audit, with what was `before` and `after`."""
    await statement("record_run_event").fetch(
        connection,
        run_id=run_id,
        step_no=None,
        kind=act,
        actor=caller.actor,
        reason=caller.reason,
        detail=json.dumps(detail) if detail else None,
    )
    await statement("record_audit").fetch(
        connection,
        actor=caller.actor,
        act=act,
        object_kind="run",
        object_id=str(run_id),
        reason=caller.reason,
        before=json.dumps(before),
        after=json.dumps(after),
        request_id=caller.request_id,
    )

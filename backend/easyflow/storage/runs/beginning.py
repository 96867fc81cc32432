"""Beginning a step: the job, the map, the wait or the child run that carries it out."""

from __future__ import annotations

import json
from typing import Any

from easyflow.domain import document
from easyflow.domain.workflow.definition import ChildStep, SignalStep, Step, TaskStep
from easyflow.domain.workflow.expressions import ExpressionFailed
from easyflow.domain.workflow.moves import AwaitSignal, Fail, MakeJob, MakeMap, Move, Skip, Sleep, StartChild
from easyflow.domain.workflow.states import StepFact, StepState
from easyflow.errors import EasyFlowError
from easyflow.storage.runs.changes import Changes, Released, StepJob, payload_text
from easyflow.storage.runs.inserting import NewRun, insert_run
from easyflow.storage.runs.maps import begin_map
from easyflow.storage.runs.picture import RunPicture
from easyflow.storage.sql import Connection, statement
from easyflow.storage.workflows import DEFINITIONS, NO_LIMIT, read_version


async def begin_step(connection: Connection, run: RunPicture, step: Step, move: Move, changes: Changes) -> None:
    """Do what a step does as it begins; what cannot be done fails the step."""
    match move:
        case Skip(reason):
            settle(run, changes, step, StepState.SKIPPED, reason)
        case Fail(reason):
            settle(run, changes, step, StepState.FAILED, reason)
        case MakeJob():
            _make_job(run, step, move, changes)
        case MakeMap(items):
            await begin_map(connection, run, step, items, changes)
        case AwaitSignal():
            await _await_signal(connection, run, step, changes)
        case Sleep(seconds, until):
            run.facts[step.name] = StepFact(StepState.WAITING)
            changes.released.append(
                Released(run.id, step.number, StepState.WAITING, due_at=until, delay_seconds=seconds)
            )
        case StartChild(given):
            await _start_child(connection, run, step, given, changes)


def settle(
    run: RunPicture, changes: Changes, step: Step, state: StepState, reason: str | None, result: str | None = None
) -> None:
    """End a step that had not begun."""
    run.end(step, state, reason)
    changes.released.append(Released(run.id, step.number, state, reason=reason, result=result))


def _make_job(run: RunPicture, step: Step, move: MakeJob, changes: Changes) -> None:
    assert isinstance(step.kind, TaskStep)
    try:
        payload = payload_text(move.payload)
    except ExpressionFailed as unfit:
        settle(run, changes, step, StepState.FAILED, f"its input: {unfit}")
        return
    job = StepJob.new(run.id, step, step.kind.task, step.kind.settings, payload)
    changes.jobs.append(job)
    run.facts[step.name] = StepFact(StepState.RUNNING)
    changes.released.append(Released(run.id, step.number, StepState.RUNNING, job_id=job.id))


async def _start_child(connection: Connection, run: RunPicture, step: Step, given: Any, changes: Changes) -> None:
    assert isinstance(step.kind, ChildStep)
    version = step.kind.version
    if version is None:
        version = json.loads(run.row["children"] or "{}").get(step.kind.workflow)
    try:
        row = await read_version(connection, step.kind.workflow, version)
        definition = DEFINITIONS.keep(row)
        child = await insert_run(connection, NewRun(definition, row["version"], given, parent=(run.id, step.number)))
    except EasyFlowError as refused:
        settle(run, changes, step, StepState.FAILED, f"its child: {refused}")
        return
    changes.children.append(child.picture)
    run.facts[step.name] = StepFact(StepState.WAITING)
    changes.released.append(Released(run.id, step.number, StepState.WAITING, child_run=child.picture.id))


async def _await_signal(connection: Connection, run: RunPicture, step: Step, changes: Changes) -> None:
    assert isinstance(step.kind, SignalStep)
    kept = await statement("read_signal").fetchrow(connection, run_id=run.id, name=step.kind.signal)
    if kept is not None:
        run.results[step.name] = document.parse(kept["value"], max_bytes=NO_LIMIT)
        settle(run, changes, step, StepState.SUCCEEDED, None, kept["value"])
        return
    run.facts[step.name] = StepFact(StepState.WAITING)
    changes.released.append(Released(run.id, step.number, StepState.WAITING, delay_seconds=step.kind.timeout_seconds))

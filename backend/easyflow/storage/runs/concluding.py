"""Concluding a run: letting go what it no longer waits for, taking back what its steps did, and its end."""

from __future__ import annotations

from easyflow.domain import document
from easyflow.domain.workflow.definition import Step
from easyflow.domain.workflow.expressions import ExpressionFailed
from easyflow.domain.workflow.moves import compensation_payload
from easyflow.domain.workflow.release import Going, Over, Undo, conclude
from easyflow.domain.workflow.states import RunState, StepState
from easyflow.storage.runs.changes import COMPENSATION, Changes, Compensated, Ended, Moved, StepJob, payload_text
from easyflow.storage.runs.picture import RunPicture, read_values
from easyflow.storage.sql import Connection, statement
from easyflow.storage.workflows import NO_LIMIT


async def conclude_run(connection: Connection, run: RunPicture, changes: Changes) -> None:
    """Bring a run to its end, or towards it."""
    stopping, undoing = run.row["stopping"] is not None, run.row["state"] == RunState.COMPENSATING
    while True:
        match conclude(
            run.definition, run.facts, stopping=stopping, undoing=undoing, compensate=run.row["compensates"]
        ):
            case Going(let_go) if let_go:
                for step in let_go:
                    _let_go(run, changes, step, stopping)
            case Going():
                return
            case Undo(step, begins):
                if begins:
                    await _undo(connection, run, step, changes)
                if not undoing:
                    changes.moved.append(Moved(run.id, RunState.COMPENSATING))
                return
            case Over() as over:
                await _end(connection, run, over, changes)
                return


def _let_go(run: RunPicture, changes: Changes, step: Step, stopping: bool) -> None:
    """End the waiting of a step whose run will not go on: for good, or until the run is resumed."""
    if stopping:
        run.end(step, StepState.CANCELLED)
        changes.ended.append(Ended(run.id, step.number, StepState.CANCELLED))
    else:
        del run.facts[step.name]
        changes.put_back.append((run.id, step.number))


async def _undo(connection: Connection, run: RunPicture, step: Step, changes: Changes) -> None:
    """Make the job that takes a step back; when its input cannot be made, a person must do what it would have done."""
    assert step.compensation is not None
    references = {step.name} | (step.compensation.input.references if step.compensation.input else set())
    await read_values(connection, {run.id: references}, {run.id: run})
    row = run.rows.get(step.name)
    read = await statement("read_payload").fetchrow(connection, job_id=row["job_id"]) if row and row["job_id"] else None
    given = None if read is None else document.parse(read["payload"], max_bytes=NO_LIMIT)
    variables = {**run.variables(references), "step": {"input": given, "result": run.results.get(step.name)}}
    compensation = step.compensation
    try:
        payload = payload_text(compensation_payload(compensation, variables))
    except ExpressionFailed as failed:
        run.facts[step.name].compensation = StepState.FAILED
        changes.compensated.append(Compensated(run.id, step.number, StepState.FAILED, reason=f"its input: {failed}"))
        return
    job = StepJob.new(run.id, step, compensation.task, compensation.settings, payload, COMPENSATION)
    changes.jobs.append(job)
    run.facts[step.name].compensation = StepState.RUNNING
    changes.compensated.append(Compensated(run.id, step.number, StepState.RUNNING, job.id))


async def _end(connection: Connection, run: RunPicture, over: Over, changes: Changes) -> None:
    state, output, reason = over.state or RunState(run.row["stopping"]), None, over.reason
    template = run.definition.output
    if state is RunState.SUCCEEDED and template is not None:
        try:
            await read_values(connection, {run.id: template.references}, {run.id: run})
            output = payload_text(template.resolve(run.variables(template.references)))
        except ExpressionFailed as failed:
            state, reason = RunState.FAILED, f"its output: {failed}"
    changes.moved.append(Moved(run.id, state, reason, output, over.compensated))

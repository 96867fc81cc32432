"""Time in runs: sleeps that are over, signals that did not come, deadlines of whole runs."""

from __future__ import annotations

from easyflow.domain import document
from easyflow.domain.workflow.definition import SignalStep
from easyflow.domain.workflow.states import RunState, StepState
from easyflow.storage.database import committed
from easyflow.storage.runs.advance import Advanced, go_on
from easyflow.storage.runs.changes import Changes, Ended
from easyflow.storage.runs.picture import RunPicture, lock
from easyflow.storage.sql import Connection, statement

BATCH = 200
DEADLINE = "its deadline passed"


async def ring(connection: Connection) -> Advanced:
    """Let up to 200 runs go on in which something is due by the database's clock; one transaction of its own.

    Any number of callers may do so at once: what is due is read again behind the lock.
    """
    due = await statement("find_due_runs").fetch(connection, max_runs=BATCH)
    if not due:
        return Advanced()
    async with committed(connection):
        runs = await lock(connection, {row["run_id"] for row in due})
        rows = await statement("read_due_steps").fetch(connection, run_ids=list(runs))
        expired = [row["run_id"] for row in rows if row["step_no"] is None]
        for run_id in expired:
            await statement("stop_run").fetch(
                connection, run_id=run_id, stopping=RunState.FAILED, compensates=True, reason=DEADLINE
            )
        if expired:
            runs = await lock(connection, runs)  # as they are now that they are to stop
        changes = Changes()
        for row in rows:
            if row["step_no"] is not None:
                _wake(runs[row["run_id"]], row["step_no"], changes)
        return await go_on(connection, runs.values(), changes)


def _wake(run: RunPicture, step_no: int, changes: Changes) -> None:
    step = run.definition.by_number[step_no]
    if not isinstance(step.kind, SignalStep):
        state, reason, result = StepState.SUCCEEDED, None, None
    elif step.kind.has_default:
        run.results[step.name] = step.kind.default
        state, reason, result = StepState.SUCCEEDED, "no signal came: the default", document.dumps(step.kind.default)
    else:
        state, result = StepState.FAILED, None
        reason = f"no signal {step.kind.signal} came within {step.kind.timeout_seconds:g} s"
    run.end(step, state, reason)
    changes.ended.append(Ended(run.id, step_no, state, reason, result))

"""Runs that other runs wait for: when one is over, its parent's step is, and the parent goes on."""

from __future__ import annotations

from easyflow.domain import document
from easyflow.domain.workflow.states import RunState, StepState
from easyflow.storage.database import committed
from easyflow.storage.runs.advance import Advanced, go_on
from easyflow.storage.runs.changes import Changes, Ended
from easyflow.storage.runs.picture import lock
from easyflow.storage.sql import Connection, statement
from easyflow.storage.workflows import NO_LIMIT

BATCH = 200
_ENDS = {
    RunState.SUCCEEDED: StepState.SUCCEEDED,
    RunState.FAILED: StepState.FAILED,
    RunState.CANCELLED: StepState.CANCELLED,
}


async def rejoin(connection: Connection) -> Advanced:
    """Let up to 200 runs go on that wait for runs which are over; one transaction of its own.

    A child's end is not the transaction of its parent's: a parent's lock comes before its children's, not behind.
    """
    found = await statement("find_ended_children").fetch(connection, max_runs=BATCH)
    if not found:
        return Advanced()
    async with committed(connection):
        runs = await lock(connection, {row["run_id"] for row in found})
        rows = await statement("read_children").fetch(connection, run_ids=[row["child_run"] for row in found])
        children = {row["id"]: row for row in rows}
        changes = Changes()
        for run in runs.values():
            for name, row in run.rows.items():
                child = children.get(row["child_run"])
                if child is None or row["state"] != StepState.WAITING:
                    continue
                state = _ENDS[RunState(child["state"])]
                reason = None if state is StepState.SUCCEEDED else f"its child {child['id']}: {child['reason']}"
                run.end(run.definition.by_name[name], state, reason)
                if child["output"] is not None:
                    run.results[name] = document.parse(child["output"], max_bytes=NO_LIMIT)
                changes.ended.append(Ended(run.id, row["step_no"], state, reason, child["output"]))
        return await go_on(connection, runs.values(), changes)

"""Stopping the jobs of runs that are to end: in chunks, each a transaction of its own, until none is left."""

from __future__ import annotations

from uuid import UUID

from easyflow.domain.workflow.states import StepState
from easyflow.storage.admission import Key, keys_of
from easyflow.storage.database import committed
from easyflow.storage.runs.advance import Advanced
from easyflow.storage.runs.endings import after
from easyflow.storage.sql import Connection, statement

CHUNK = 500
FIRST = UUID(int=0)


async def stop_jobs(connection: Connection, run_id: UUID) -> tuple[Advanced, set[Key]]:
    """Cancel what waits of a run's jobs, and ask the executors of the others to stop; it goes on behind each chunk.

    Returns what came of it, and the keys to be admitted. A job that moves meanwhile is missed: call it again until the
    run is over. Whoever does so at the same time finds less to do.
    """
    advanced, keys = Advanced(), set[Key]()
    steps = await statement("read_run_steps").fetch(connection, run_ids=[run_id])
    for step in steps:
        if step["state"] != StepState.RUNNING:
            continue
        last = FIRST
        while True:
            jobs = await statement("find_run_jobs").fetch(
                connection, run_id=run_id, step_no=step["step_no"], after=last, max_jobs=CHUNK
            )
            if not jobs:
                break
            last = jobs[-1]["job_id"]
            async with committed(connection):
                moved = await statement("cancel_run_jobs").fetch(connection, job_ids=[row["job_id"] for row in jobs])
                advanced.add(await after(connection, moved))
            keys |= keys_of(moved)
    return advanced, keys

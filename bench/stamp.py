"""A task that writes down when it began: one line `job id, nanoseconds` in the file `EASYFLOW_BENCH_STAMPS` names."""

from __future__ import annotations

import os
import time

from pydantic import BaseModel

from easyflow import Context, task

LINES = os.open(os.environ["EASYFLOW_BENCH_STAMPS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


class Nothing(BaseModel):
    """No fields."""


@task("bench.stamp", effects="pure")
async def stamp(ctx: Context, payload: Nothing) -> None:
    """Write down the time."""
    began = time.time_ns()
    os.write(LINES, f"{ctx.job_id} {began}\n".encode())

"""Tasks that write `job id, lease, pid, nanoseconds` into the file `EASYFLOW_BENCH_STAMPS` names when they begin."""

from __future__ import annotations

import asyncio
import os
import time

from pydantic import BaseModel

from easyflow import Context, task

LINES = os.open(os.environ["EASYFLOW_BENCH_STAMPS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


class Stay(BaseModel):
    """How long the first attempt lasts."""

    seconds: float = 0.0


class Nothing(BaseModel):
    """No fields."""


def stamp(ctx: Context) -> None:
    """Write down that an attempt began now."""
    os.write(LINES, f"{ctx.job_id} {ctx.lease_no} {os.getpid()} {time.monotonic_ns()}\n".encode())


@task("bench.stay", effects="pure")
async def stay(ctx: Context, payload: Stay) -> None:
    """Stay, but only the first time."""
    stamp(ctx)
    await asyncio.sleep(payload.seconds if ctx.lease_no == 1 else 0)


@task("bench.apart", effects="pure", isolation="process")
async def apart(ctx: Context, payload: Nothing) -> None:
    """Run in a process of its own."""
    stamp(ctx)


@task("bench.poison", effects="pure")
async def poison(ctx: Context, payload: Nothing) -> None:
    """Take the process down."""
    stamp(ctx)
    os.abort()

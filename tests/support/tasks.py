"""Tasks for the engine's tests: they leave a trace outside of the database, write into it, and take their time."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text

from easyflow import Context, Snooze, lifespan, task
from easyflow.domain.retry import RetryPolicy

TRACE = "EASYFLOW_TEST_TRACE"
SOON = RetryPolicy(max_attempts=5, first_seconds=0.02, longest_seconds=0.2)
EFFECT = text("insert into public.effects (job_id, lease_no, label) values (:job_id, :lease_no, :label)")


class Work(BaseModel):
    """What a task shall do before it returns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = 0.0
    failures: int = 0
    label: str = ""


class Kind(BaseModel):
    """Which of the ways."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str


class Amount(BaseModel):
    """A payload with a type of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount: int


class TestError(Exception):
    """What a task raises when it was asked to fail."""

    __test__ = False


def leave_trace(ctx: Context, event: str, **facts: object) -> None:
    """Append one line that no crash of ours and no rollback takes back."""
    said = {"at": time.monotonic(), "event": event, "job": str(ctx.job_id), "task": ctx.task, "lease": ctx.lease_no}
    line = json.dumps({**said, "pid": os.getpid(), "cancelled": ctx.cancelled, **facts}) + "\n"
    descriptor = os.open(Path(os.environ[TRACE]), os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, line.encode())
    os.close(descriptor)


@lifespan
async def numbers() -> AsyncIterator[dict[str, Any]]:
    """Something that is opened once for each executor."""
    yield {"opened_by": os.getpid()}


def fail_if_asked(ctx: Context, work: Work) -> None:
    if ctx.attempt <= work.failures:
        leave_trace(ctx, "failed")
        raise TestError(f"attempt {ctx.attempt} fails")


async def work_async(ctx: Context, work: Work) -> dict[str, Any]:
    leave_trace(ctx, "start", label=work.label)
    try:
        await asyncio.sleep(work.seconds)
    except asyncio.CancelledError:
        leave_trace(ctx, "stopped")
        raise
    fail_if_asked(ctx, work)
    leave_trace(ctx, "end", label=work.label)
    return {"attempt": ctx.attempt, "opened_by": ctx.state.opened_by, "pid": os.getpid()}


for _effects in ("pure", "keyed", "unsafe"):
    task(f"test.{_effects}", effects=_effects, retry=SOON)(work_async)

task("test.hasty", effects="pure", retry=SOON, timeout=0.3)(work_async)
task("test.hasty_unsafe", effects="unsafe", retry=SOON, timeout=0.3)(work_async)
task("test.process", effects="pure", retry=SOON, isolation="process")(work_async)


@task("test.slow_once", effects="pure", retry=SOON)
async def slow_once(ctx: Context, work: Work) -> None:
    """Take long, but only the first time."""
    leave_trace(ctx, "start")
    await asyncio.sleep(work.seconds if ctx.lease_no == 1 else 0)
    leave_trace(ctx, "end")


@task("test.sync", effects="pure", retry=SOON)
def work_in_thread(ctx: Context, work: Work) -> dict[str, Any]:
    """Look every now and then whether it shall stop."""
    leave_trace(ctx, "start")
    until = time.monotonic() + work.seconds
    while time.monotonic() < until:
        if ctx.cancelled:
            leave_trace(ctx, "stopped")
            raise TestError("asked to stop")
        time.sleep(0.01)
    fail_if_asked(ctx, work)
    leave_trace(ctx, "end")
    return {"attempt": ctx.attempt, "opened_by": ctx.state.opened_by, "pid": os.getpid()}


@task("test.deaf", effects="pure", retry=SOON, timeout=0.3)
def deaf(ctx: Context, work: Work) -> None:
    """Sleep in a thread and listen to nobody."""
    leave_trace(ctx, "start")
    time.sleep(work.seconds)
    leave_trace(ctx, "end")


@task("test.block", effects="pure", retry=SOON, timeout=0.3)
async def block(ctx: Context, work: Work) -> None:
    """Block the executor's loop."""
    leave_trace(ctx, "start")
    time.sleep(work.seconds)  # noqa: ASYNC251 - this is what it is for
    leave_trace(ctx, "end")


@task("test.stubborn", effects="pure", retry=SOON)
async def stubborn(ctx: Context, work: Work) -> str:
    """Swallow the request to stop, and return as if nothing was."""
    leave_trace(ctx, "start")
    try:
        await asyncio.sleep(work.seconds)
    except asyncio.CancelledError:
        leave_trace(ctx, "swallowed")
    return "went on"


@task("test.write", effects="transactional", retry=SOON)
async def write(ctx: Context, work: Work) -> None:
    """Write one row that shall be there exactly once."""
    leave_trace(ctx, "start", label=work.label)
    await ctx.session.execute(EFFECT, {"job_id": ctx.job_id, "lease_no": ctx.lease_no, "label": work.label})
    if work.seconds:
        leave_trace(ctx, "wrote")
        await asyncio.sleep(work.seconds)
        await ctx.session.execute(text("select 1"))
    fail_if_asked(ctx, work)
    leave_trace(ctx, "end", label=work.label)


@task("test.wrong_write", effects="transactional", retry=SOON, max_attempts=2)
async def wrong_write(ctx: Context, wrong: Kind) -> None:
    """Write, and then do what a transactional handler must not, or what goes wrong."""
    leave_trace(ctx, "start")
    if wrong.kind == "begins its own":
        async with ctx.session.begin():
            await ctx.session.execute(EFFECT, {"job_id": ctx.job_id, "lease_no": ctx.lease_no, "label": ""})
        raise TestError("behind its own commit")
    await ctx.session.execute(EFFECT, {"job_id": ctx.job_id, "lease_no": ctx.lease_no, "label": ""})
    if wrong.kind == "commits":
        await ctx.session.commit()
    if wrong.kind == "commits below":
        await ctx.session.run_sync(lambda session: session.commit())
    if wrong.kind == "savepoint":
        async with ctx.session.begin_nested():
            await ctx.session.execute(EFFECT, {"job_id": ctx.job_id, "lease_no": ctx.lease_no, "label": "saved"})
    if wrong.kind == "missing file":
        raise FileNotFoundError("rates.csv")
    if wrong.kind == "timeout of its own":
        async with asyncio.timeout(0.001):
            await asyncio.sleep(10)
    if wrong.kind == "wrong argument":
        await ctx.session.execute(text("select CAST(:n AS bigint)"), {"n": "many"})
    if wrong.kind == "refused at commit":
        await ctx.session.execute(text("insert into public.children values (1)"))
    if wrong.kind == "swallows an error":
        try:
            await ctx.session.execute(text("select 1 / 0"))
        except Exception:
            leave_trace(ctx, "swallowed")


@task("test.amount_process", effects="pure", retry=SOON, isolation="process")
@task("test.amount", effects="pure", retry=SOON)
async def amount(ctx: Context, payload: Amount) -> int:
    """Take only what fits."""
    return payload.amount


@task("test.doze", effects="pure", retry=SOON, max_attempts=1)
async def doze(ctx: Context, work: Work) -> int:
    """Snooze twice, which costs nothing, and then tell how often it was claimed."""
    if ctx.lease_no <= 2:
        raise Snooze(0.02)
    return ctx.lease_no


@task("test.progress", effects="pure", retry=SOON)
async def progress(ctx: Context, work: Work) -> None:
    """Say how far it is, once in words that cannot be kept."""
    ctx.progress(10**30, 4, "a\x00b\ud800")
    await asyncio.sleep(work.seconds)
    ctx.progress(3, 4, work.label)
    await asyncio.sleep(work.seconds)


@task("test.reads_input", effects="pure", retry=SOON)
def reads_input(ctx: Context, work: Work) -> str:
    """Start a program that reads its standard input to the end."""
    return subprocess.run(["cat"], check=True, capture_output=True, timeout=5).stdout.decode()


@task("test.write_stubborn", effects="transactional", retry=SOON)
async def write_stubborn(ctx: Context, work: Work) -> None:
    """Write one row, and go on to the end when asked to stop."""
    await ctx.session.execute(EFFECT, {"job_id": ctx.job_id, "lease_no": ctx.lease_no, "label": work.label})
    leave_trace(ctx, "start")
    try:
        await asyncio.sleep(work.seconds)
    except asyncio.CancelledError:
        leave_trace(ctx, "swallowed")


@task("test.sessionless", effects="pure", retry=SOON, max_attempts=1)
async def sessionless(ctx: Context, work: Work) -> None:
    """Ask for a session that a pure task does not have."""
    await ctx.session.execute(text("select 1"))

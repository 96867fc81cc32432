"""Attempts in a fresh child process of their own, which may die alone: tasks with `isolation="process"`, and suspects.

The child is spawned, not forked, leads its own process group, and is killed with all its offspring at the deadline.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from easyflow.context import Progress
from easyflow.domain.outcome import Failed, Fault, HandedBack, Outcome, Succeeded, Vanished
from easyflow.domain.rescue import verdict
from easyflow.engine.attempt import Attempt, PayloadRefused, ProcessStopped, ResultRefused
from easyflow.engine.fenced import Recorded
from easyflow.settings import settings
from easyflow.storage.admission import Key

STOP_POLL_SECONDS = 0.1
REPORT_LIMIT = 2**26
TOLD = (
    "task",
    "payload",
    "queue",
    "lease_no",
    "claimed_at",
    "retry_count",
    "max_attempts",
    "timeout_seconds",
    "losses",
)


@dataclass(frozen=True, slots=True)
class Isolation:
    """What every child is told: who claimed its job, the modules that register tasks, how large a result may be."""

    executor_id: UUID
    modules: list[str]
    result_bytes: int


async def run_isolated(attempt: Attempt, isolation: Isolation) -> Outcome | Recorded:
    """Run the attempt in a child process; a child that ends without a report is a loss, whatever its exit code."""
    report_read, report_write = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "easyflow.engine.isolated_child",
            str(report_write),
            stdin=asyncio.subprocess.PIPE,
            pass_fds=[report_write],
            start_new_session=True,
        )
    except BaseException:
        os.close(report_read)
        raise
    finally:
        os.close(report_write)
    try:
        report = await _converse(attempt, isolation, process, report_read)
    finally:
        _kill_group(process.pid)
        await process.wait()
    if report is None:
        return _vanished(attempt, process.returncode)
    return _outcome(attempt, report)


async def _converse(
    attempt: Attempt, isolation: Isolation, process: asyncio.subprocess.Process, report_fd: int
) -> dict[str, Any] | None:
    """Hand the job over and wait for the report; raises ProcessStopped when asked to stop."""
    assert process.stdin is not None
    request = {
        "executor_id": str(isolation.executor_id),
        "modules": isolation.modules,
        "result_bytes": isolation.result_bytes,
        "job_id": str(attempt.row["job_id"]),
        "claim_token": str(attempt.row["claim_token"]),
        **{name: attempt.row[name] for name in TOLD},
    }
    reader = asyncio.StreamReader(limit=REPORT_LIMIT)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(report_fd, "rb")
    )
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.close()
        reading = asyncio.ensure_future(_report(attempt, reader))
        try:
            while not reading.done():
                await asyncio.wait([reading], timeout=STOP_POLL_SECONDS)
                if attempt.stop is not None and not reading.done():
                    raise ProcessStopped
        finally:
            reading.cancel()
        return reading.result()
    finally:
        transport.close()


async def _report(attempt: Attempt, reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Follow what the child says about its progress up to its report; None when it ends without one."""
    context = attempt.open_context()
    async for line in reader:
        said: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        if said is None or "progress" not in said:
            return said
        context._progress = Progress(*said["progress"])
    return None


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _outcome(attempt: Attempt, report: dict[str, Any]) -> Outcome | Recorded:
    """Turn the child's report into an outcome; what its handler raised is judged here, like any other."""
    if "result" in report:
        return Succeeded(report["result"])
    if "recorded" in report:
        return Recorded(frozenset(Key(*key) for key in report["recorded"]))
    if "handed_back" in report:
        return HandedBack()
    if "cancelled" in report:
        return attempt.cancelled()
    fault = Fault(**report["fault"])
    if report["refused"]:
        raise _REFUSALS[report["refused"]](fault.message)
    return attempt.judge(report["word"], report["after"], fault)


_REFUSALS = {refusal.__name__: refusal for refusal in (PayloadRefused, ResultRefused)}


def _vanished(attempt: Attempt, returncode: int | None) -> Outcome:
    limits = settings()
    rescued = verdict(
        attempt.task.effects,
        "started",
        attempt.row["losses"],
        0,
        loss_limit=limits.loss_limit,
        limit=limits.unstarted_limit,
    )
    if rescued.reason is None:
        return Vanished()
    fault = Fault("Lost", f"its process ended without a result (exit status {returncode})")
    return Failed(rescued.reason, fault, loss=1)

"""The child process of one isolated attempt: reads a job on standard input, reports its ending on a pipe."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from easyflow.domain.outcome import Failed, HandedBack, Outcome, Retry, Snooze, Succeeded, word_of
from easyflow.domain.states import Effects
from easyflow.engine.attempt import Attempt, PayloadRefused, ResultRefused, read_payload, run_async, succeeded
from easyflow.engine.faults import fault_of
from easyflow.engine.fenced import Recorded, run_transactional
from easyflow.engine.lifespans import opened
from easyflow.engine.parent import die_with_parent
from easyflow.engine.progress import EVERY_SECONDS
from easyflow.observability.logging import configure
from easyflow.registry import TaskType, load
from easyflow.settings import settings
from easyflow.storage.database import open_engine


class Reporter:
    """Writes messages to the executor, one a line; the handler's progress from a thread of its own."""

    def __init__(self, descriptor: int) -> None:
        """Write to a pipe."""
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def say(self, message: dict[str, Any]) -> None:
        """Write one message, however long."""
        with self._lock:
            line = memoryview(json.dumps(message).encode() + b"\n")
            while line:
                line = line[os.write(self._descriptor, line) :]

    def follow(self, attempt: Attempt) -> None:
        """Tell each second how far the handler says it is."""

        def tell() -> None:
            while True:
                time.sleep(EVERY_SECONDS / 2)
                context = attempt.context
                if context is not None and context._progress is not None:
                    progress, context._progress = context._progress, None
                    self.say({"progress": progress})

        threading.Thread(target=tell, name="easyflow-progress", daemon=True).start()


async def run(request: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Run the handler and return the report."""
    task = load(request["modules"])[request["task"]]
    row: Any = {**request, "job_id": UUID(request["job_id"]), "claim_token": UUID(request["claim_token"])}
    try:
        async with opened() as state:
            attempt = Attempt(row, task, SimpleNamespace(**state), started_at=time.monotonic())
            reporter.follow(attempt)
            outcome = await _run_handler(attempt, task, request)
        return _told(outcome)
    except BaseException as raised:
        return {
            "word": word_of(raised),
            "after": raised.after if isinstance(raised, Retry | Snooze) else None,
            "refused": type(raised).__name__ if isinstance(raised, PayloadRefused | ResultRefused) else None,
            "fault": asdict(fault_of(raised)),
        }


async def _run_handler(attempt: Attempt, task: TaskType, request: dict[str, Any]) -> Outcome | Recorded:
    most = request["result_bytes"]
    if task.effects is Effects.TRANSACTIONAL:
        engine = open_engine(settings().direct_url, 1, attempt.timeout_seconds)
        try:
            return await run_transactional(attempt, engine, UUID(request["executor_id"]), most)
        finally:
            await engine.dispose()
    context = attempt.open_context()
    if task.is_async:
        return await run_async(attempt, context, most)
    return succeeded(task, task.handler(context, read_payload(task, request["payload"])), most)


def _told(outcome: Outcome | Recorded) -> dict[str, Any]:
    if isinstance(outcome, Recorded):
        return {"recorded": list(outcome.keys)}
    if isinstance(outcome, HandedBack):
        return {"handed_back": True}
    if isinstance(outcome, Failed):
        return {"cancelled": True}
    assert isinstance(outcome, Succeeded)
    return {"result": outcome.result}


def main() -> None:
    """Report once and end at once: what the handler left running does not hold the job up."""
    die_with_parent()
    configure(settings().log_format)
    report_fd = int(sys.argv[1])
    os.set_inheritable(report_fd, False)
    reporter = Reporter(report_fd)
    reporter.say(asyncio.run(run(json.loads(sys.stdin.readline()), reporter)))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

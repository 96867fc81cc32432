"""The process of one isolated attempt: reads the request from a file in memory, reports on its channel."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from dataclasses import asdict
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from easyflow.domain.outcome import Failed, HandedBack, Outcome, Retry, Snooze, Succeeded, word_of
from easyflow.domain.states import Effects
from easyflow.engine.attempt import Attempt, run_async, run_in_thread
from easyflow.engine.connection import HeldConnection
from easyflow.engine.faults import fault_of
from easyflow.engine.fenced import Recorded, run_transactional
from easyflow.engine.ledger_writer import LedgerWriter
from easyflow.engine.lifespans import opened
from easyflow.engine.progress import EVERY_SECONDS
from easyflow.engine.values import PayloadRefused, ResultRefused
from easyflow.failpoints import arm
from easyflow.observability.logging import configure
from easyflow.registry import TaskType, load
from easyflow.settings import settings
from easyflow.storage.database import open_engine


class Reporter:
    """Writes messages to the executor, one a line; the handler's progress from a thread of its own."""

    def __init__(self, descriptor: int) -> None:
        """Write to a channel."""
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
    ids = {name: UUID(request[name]) for name in ("job_id", "claim_token", "run_id") if name in request}
    row: Any = {**request, **ids}
    book = LedgerWriter(HeldConnection(settings().direct_url, "easyflow ledger"))
    attempt = Attempt(row, task, SimpleNamespace(), book, request["result_bytes"], apart=True)
    attempt.started_at = time.monotonic()
    try:
        async with opened() as state:
            attempt.state = SimpleNamespace(**state)
            reporter.follow(attempt)
            outcome = await _run_handler(attempt, task, request)
        return _told(outcome)
    except BaseException as raised:
        doubt = attempt.doubt()
        if doubt is not None:
            return {"in_doubt": doubt, "fault": asdict(fault_of(raised))}
        return {
            "word": word_of(raised),
            "after": raised.after if isinstance(raised, Retry | Snooze) else None,
            "refused": type(raised).__name__ if isinstance(raised, PayloadRefused | ResultRefused) else None,
            "fault": asdict(fault_of(raised)),
        }


async def _run_handler(attempt: Attempt, task: TaskType, request: dict[str, Any]) -> Outcome | Recorded:
    if task.effects is Effects.TRANSACTIONAL:
        engine = open_engine(settings().direct_url, 1, attempt.timeout_seconds)
        try:
            return await run_transactional(attempt, engine, UUID(request["executor_id"]))
        finally:
            await engine.dispose()
    context = attempt.open_context()
    if task.is_async:
        return await run_async(attempt, context)
    return await run_in_thread(attempt, context, partial(asyncio.get_running_loop().run_in_executor, None))


def _told(outcome: Outcome | Recorded) -> dict[str, Any]:
    if isinstance(outcome, Recorded):
        return {"recorded": list(outcome.keys)}
    if isinstance(outcome, HandedBack):
        return {"handed_back": True}
    if isinstance(outcome, Failed):
        return {"cancelled": True}
    assert isinstance(outcome, Succeeded)
    return {"result": outcome.result, "failed_items": outcome.failed_items}


def run_forked(channel: int, request: int) -> None:
    """Report once and end at once: what the handler left running does not hold the job up."""
    reporter = Reporter(channel)
    with os.fdopen(request, "rb") as told:
        asked = json.load(told)
    reporter.say(asyncio.run(run(asked, reporter)))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def main() -> None:
    """Do the same in a fresh interpreter, with the descriptors of channel and request as its words."""
    channel, request = map(int, sys.argv[1:])
    for descriptor in (channel, request):
        os.set_inheritable(descriptor, False)
    configure(settings().log_format)
    arm(settings())
    run_forked(channel, request)


if __name__ == "__main__":
    main()

"""An executor: a process that claims jobs, runs their handlers and records how they ended."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.domain.outcome import HandedBack, Outcome
from easyflow.domain.states import Effects
from easyflow.engine.attempt import Attempt, run_async, run_in_thread
from easyflow.engine.claimer import Claimer, Room
from easyflow.engine.connection import HeldConnection
from easyflow.engine.fenced import Recorded, run_transactional
from easyflow.engine.finisher import Finisher
from easyflow.engine.isolated import Isolation, run_isolated
from easyflow.engine.marks import Marks
from easyflow.registry import TaskType
from easyflow.settings import Settings
from easyflow.storage.database import Engine
from easyflow.storage.queues import QueueSettings

MOST_UNRECORDED = 2000
MOST_THREADS = 64
CLAIM_HEARD_SECONDS = 2.0
DEADLINE_LOOK_SECONDS = 0.05
SETTLE_EVERY = 8
SUSPECTS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this executor is, and what its supervisor told it."""

    executor_id: UUID
    worker_id: UUID
    executors: int
    concurrency: int
    modules: list[str]


class Executor:
    """Runs up to `concurrency` jobs at once; what it claimed ahead waits in `_backlog`."""

    def __init__(
        self,
        identity: Identity,
        settings: Settings,
        tasks: dict[str, TaskType],
        marks: Marks,
        engine: Engine,
        ring: Callable[..., None],
    ) -> None:
        """Put the parts together; nothing runs yet. `ring` is called with the topics that this executor changes."""
        self._identity = identity
        self._settings = settings
        self._tasks = tasks
        self._marks = marks
        self._engine = engine
        self._ring = ring
        self._backlog: deque[asyncpg.Record] = deque()
        self._running: dict[UUID, Attempt] = {}
        self._transactional = asyncio.Semaphore(settings.transactional_concurrency)
        self._threads = ThreadPoolExecutor(min(identity.concurrency, MOST_THREADS), "easyflow-handler")
        self._suspects = asyncio.Semaphore(SUSPECTS_AT_ONCE)
        self._isolation = Isolation(identity.executor_id, identity.modules, settings.result_bytes)
        self._draining = False
        self._served: set[str] = set()
        self._ended = 0
        self.state = SimpleNamespace()
        self._finish_connection = HeldConnection(settings.direct_url, "easyflow finish")
        self._claim_connection = HeldConnection(settings.direct_url, "easyflow claim")
        lettered = partial(ring, "dead-letters")
        self.finisher = Finisher(
            self._finish_connection, identity.executor_id, marks, self.wake, self._recorded, lettered
        )
        self.claimer = Claimer(
            self._claim_connection,
            identity.executor_id,
            sorted(tasks),
            self._room,
            self._accept,
            settings.poll_seconds,
            identity.executors,
        )

    def running(self) -> list[Attempt]:
        """Return the attempts that are under way."""
        return list(self._running.values())

    def wake(self) -> None:
        """Look for work now: something arrived."""
        self.claimer.arrived.set()

    def serve(self, queues: QueueSettings) -> None:
        """Serve these queues from now on; what was claimed ahead from one that was paused goes back."""
        self.claimer.queues = queues
        self._served = {*queues.open, *queues.limited}
        self._give_back(lambda row: row["queue"] not in self._served)
        self.wake()

    def cancel(self, job_ids: set[UUID]) -> None:
        """Stop these jobs: running ones are cancelled, those that only wait here go back and end CANCELLED."""
        for attempt in self.running():
            if attempt.row["job_id"] in job_ids:
                attempt.ask_to_stop("cancel")
        self._give_back(lambda row: row["job_id"] in job_ids)

    async def watch_deadlines(self) -> None:
        """Stop attempts that pass their deadline, until cancelled: one look at all costs less than a timer for each."""
        while True:
            await asyncio.sleep(DEADLINE_LOOK_SECONDS)
            now = time.monotonic()
            for attempt in self.running():
                if attempt.deadline < now:
                    attempt.ask_to_stop("deadline")

    async def drain(self, claiming: asyncio.Task[None], grace_seconds: float) -> None:
        """Let running jobs finish within the grace period, hand everything else back, record it all."""
        self._draining = True
        self.claimer.stop()
        self._give_back(lambda row: True)
        await asyncio.wait([claiming], timeout=CLAIM_HEARD_SECONDS)
        claiming.cancel()
        handles = [attempt.handle for attempt in self._running.values() if attempt.handle is not None]
        if handles:
            await asyncio.wait(handles, timeout=grace_seconds)
        for attempt in list(self._running.values()):
            attempt.ask_to_stop("drain")
        await asyncio.sleep(0)
        left = [attempt.handle for attempt in self._running.values() if attempt.handle is not None]
        if left:
            await asyncio.wait(left, timeout=self._settings.kill_grace_seconds)
        for attempt in list(self._running.values()):
            self.finisher.add(attempt.ending(attempt.stopped_outcome()), None)
        self._running.clear()
        await self.finisher.drained()

    async def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._claim_connection.close()
        await self._finish_connection.close()

    def _room(self) -> Room:
        if self._draining or self.finisher.waiting > MOST_UNRECORDED or time.monotonic() > self._marks.lease_until:
            return Room(0, 2**30)
        return Room(self._identity.concurrency - len(self._running), len(self._backlog))

    def _recorded(self) -> None:
        """Go on after endings were recorded: their marks and their share of memory are free again."""
        self._ring("jobs")
        self._start_more()
        self.claimer.settle()
        if self.claimer.queues.limited:
            self.wake()

    def _accept(self, rows: list[asyncpg.Record]) -> None:
        self._ring("jobs")
        self._backlog.extend(rows)
        if self._draining or not {row["queue"] for row in rows} <= self._served:
            self._give_back(lambda row: self._draining or row["queue"] not in self._served)
        self._start_more()

    def _give_back(self, which: Any) -> None:
        """Return claimed jobs that were not begun, also those that wait for a session; no budget is charged."""
        kept: deque[asyncpg.Record] = deque()
        for attempt in self.running():
            if attempt.started_at is None and which(attempt.row):
                attempt.ask_to_stop("drain")
        for row in self._backlog:
            if which(row):
                self.finisher.add(Attempt(row, self._tasks[row["task"]], self.state).ending(HandedBack()), None)
            else:
                kept.append(row)
        self._backlog = kept

    def _start_more(self) -> None:
        loop = asyncio.get_running_loop()
        backlog, running, limit = self._backlog, self._running, self._identity.concurrency
        while backlog and len(running) < limit and self._marks.free > limit:
            row = backlog.popleft()
            attempt = Attempt(row, self._tasks[row["task"]], self.state)
            running[row["claim_token"]] = attempt
            self.claimer.pace.start()
            attempt.handle = loop.create_task(self._run(attempt))

    async def _run(self, attempt: Attempt) -> None:
        outcome: Outcome | Recorded
        try:
            outcome = await self._outcome(attempt)
        except BaseException as raised:
            outcome = attempt.outcome_of(raised)
        if self._running.pop(attempt.row["claim_token"], None) is None:
            return
        if not isinstance(outcome, Recorded):
            self.finisher.add(attempt.ending(outcome), attempt.slot)
        else:
            self._ring("jobs")
            self.finisher.admit_soon(set(outcome.keys))
            if attempt.slot is not None:
                self._marks.end(attempt.slot)
        self._start_more()
        self._ended += 1
        if not self._backlog or self._ended % SETTLE_EVERY == 0:
            self.claimer.settle()

    async def _outcome(self, attempt: Attempt) -> Outcome | Recorded:
        """Run the handler where it may run."""
        attempt.begun = True
        if attempt.stop is not None:
            raise asyncio.CancelledError
        task = attempt.task
        if self._is_suspect(attempt):
            async with self._suspects:
                self._begin(attempt, apart=True)
                return await run_isolated(attempt, self._isolation)
        if task.effects is Effects.TRANSACTIONAL:
            async with self._transactional:
                self._begin(attempt)
                return await run_transactional(
                    attempt, self._engine, self._identity.executor_id, self._settings.result_bytes
                )
        self._begin(attempt, apart=task.isolation == "process")
        if attempt.apart:
            return await run_isolated(attempt, self._isolation)
        context = attempt.open_context()
        if task.is_async:
            return await run_async(attempt, context, self._settings.result_bytes)
        return await run_in_thread(attempt, context, self._settings.result_bytes, self._in_thread)

    def _is_suspect(self, attempt: Attempt) -> bool:
        """Say whether one more loss would set the job aside: then it runs alone, so that the blame is certain.

        The first rerun is among others, as most executors die of something else and a process takes a second to start.
        """
        losses: int = attempt.row["losses"]
        return losses > 0 and losses + 1 >= self._settings.loss_limit

    def _begin(self, attempt: Attempt, apart: bool = False) -> None:
        """Mark the attempt as started, before any of its code runs; `apart` means in a process of its own."""
        now = time.monotonic()
        attempt.started_at = now
        attempt.deadline = now + attempt.timeout_seconds
        kill_at = attempt.deadline + self._settings.kill_grace_seconds
        attempt.apart = apart
        attempt.slot = self._marks.begin(attempt.row["claim_token"].bytes, kill_at, apart)

    def _in_thread(self, *call: Any) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self._threads, *call)

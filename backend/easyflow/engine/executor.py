"""An executor: a process that claims jobs, runs their handlers and records how they ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg

from easyflow.domain.outcome import HandedBack, Outcome, Succeeded, Vanished
from easyflow.domain.states import Effects
from easyflow.engine.attempt import Attempt, run_async, run_in_thread
from easyflow.engine.backlog import Backlog
from easyflow.engine.claimer import Claimer, Room
from easyflow.engine.connection import HeldConnection
from easyflow.engine.fenced import Recorded, run_transactional
from easyflow.engine.finisher import Finisher
from easyflow.engine.isolated import Isolation
from easyflow.engine.ledger_writer import LedgerWriter
from easyflow.engine.marks import Marks
from easyflow.engine.timeline import ConnectionGuard
from easyflow.failpoints import Point, reach
from easyflow.observability import record
from easyflow.registry import TaskType
from easyflow.settings import Settings
from easyflow.storage.database import COMMAND_SECONDS, Engine
from easyflow.storage.leases import Ending
from easyflow.storage.queues import QueueSettings

MOST_UNRECORDED = 2000
MOST_THREADS = 64
CLAIM_HEARD_SECONDS = 2.0
DEADLINE_LOOK_SECONDS = 0.05
SETTLE_EVERY = 8
SHORTEST_CALL_SECONDS = 5.0


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
        isolation: Isolation,
    ) -> None:
        """Put the parts together; nothing runs yet. `ring` is called with the topics that this executor changes."""
        self._identity = identity
        self._settings = settings
        self._tasks = tasks
        self._marks = marks
        self._engine = engine
        self._ring = ring
        self.isolation = isolation
        self._backlog = Backlog()
        self._running: dict[UUID, Attempt] = {}
        self._transactional = asyncio.Semaphore(settings.transactional_concurrency)
        self._threads = ThreadPoolExecutor(min(identity.concurrency, MOST_THREADS), "easyflow-handler")
        self._draining = False
        self._served: set[str] = set()
        self._ended = 0
        self.state = SimpleNamespace()
        # What hangs longer than a lease lasts is lost sooner or later: better it is known.
        patience = min(COMMAND_SECONDS, max(settings.lease_seconds, SHORTEST_CALL_SECONDS))
        self._finish_connection = HeldConnection(settings.direct_url, "easyflow finish", patience)
        self._claim_connection = HeldConnection(settings.direct_url, "easyflow claim", patience)
        self._ledger_connection = HeldConnection(settings.direct_url, "easyflow ledger")
        self._book = LedgerWriter(self._ledger_connection, lambda: time.monotonic() <= marks.lease_until)
        lettered = partial(ring, "dead-letters")
        self.finisher = Finisher(
            self._finish_connection, identity.executor_id, marks, self.wake, self._recorded, lettered
        )
        self.guard = ConnectionGuard(identity.worker_id, tasks.values())
        self.claimer = self._new_claimer()

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

    def disown(self, held: Sequence[Mapping[str, Any]]) -> None:
        """Hand back what this executor holds in the database and does not know: nobody heard of the claim."""
        known = self._backlog.tokens() | self._running.keys() | self.finisher.tokens()
        unknown = [
            Ending(UUID(lease["job_id"]), token, lease["lease_no"], lease["claimed_at"], None, "", HandedBack())
            for lease in held
            if (token := UUID(lease["claim_token"])) not in known and not self.claimer.awaits(UUID(lease["claim_id"]))
        ]
        if unknown:
            record.claim_handed_back(self._identity.executor_id, len(unknown))
        for ending in unknown:
            self.finisher.add(ending, None)

    async def watch_deadlines(self) -> None:
        """Stop attempts that pass their deadline, until cancelled: one look at all costs less than a timer for each.

        What was claimed ahead and had to wait too long goes back at the same look.
        """
        while True:
            await asyncio.sleep(DEADLINE_LOOK_SECONDS)
            self._hand_back(self._backlog.take_stale())
            now = time.monotonic()
            for attempt in self.running():
                if attempt.deadline < now:
                    attempt.ask_to_stop("deadline")

    async def drain(self, claiming: asyncio.Task[None], grace_seconds: float) -> None:
        """Let running jobs finish within the grace period, hand everything else back, record it all."""
        self._draining = True
        await reach(Point.P12, [attempt.row for attempt in self.running()])
        self.claimer.stop()
        self._give_back(lambda row: True)
        await asyncio.wait([claiming], timeout=CLAIM_HEARD_SECONDS)
        claiming.cancel()
        giving_up = asyncio.create_task(self._give_up(claiming))
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
            self.finisher.add(attempt.ending(attempt.abandoned()), None)
        self._running.clear()
        await giving_up
        await self.finisher.drained()

    async def _give_up(self, claiming: asyncio.Task[None]) -> None:
        await asyncio.wait([claiming])
        await self.claimer.give_up()

    async def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._claim_connection.close()
        await self._finish_connection.close()
        await self._ledger_connection.close()

    def _new_claimer(self) -> Claimer:
        return Claimer(
            self._claim_connection,
            self._identity.executor_id,
            self.guard.allowed,
            self._room,
            self._accept,
            self._settings.poll_seconds,
            self._identity.executors,
        )

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
        for attempt in self.running():
            if attempt.started_at is None and which(attempt.row):
                attempt.ask_to_stop("drain")
        self._hand_back(self._backlog.take(which))

    def _hand_back(self, rows: list[asyncpg.Record]) -> None:
        for row in rows:
            self.finisher.add(self._attempt(row).ending(HandedBack()), None)

    def _start_more(self) -> None:
        loop = asyncio.get_running_loop()
        backlog, running, limit = self._backlog, self._running, self._identity.concurrency
        while backlog and len(running) < limit and self._marks.free > limit:
            row = backlog.popleft()
            attempt = self._attempt(row)
            running[row["claim_token"]] = attempt
            attempt.handle = loop.create_task(self._run(attempt))

    def _attempt(self, row: asyncpg.Record) -> Attempt:
        return Attempt(row, self._tasks[row["task"]], self.state, self._book, self._settings.result_bytes)

    async def _run(self, attempt: Attempt) -> None:
        outcome: Outcome | Recorded
        try:
            outcome = await self._outcome(attempt)
        except BaseException as raised:
            outcome = attempt.outcome_of(raised)
        if self._running.pop(attempt.row["claim_token"], None) is None:
            return
        if attempt.slot is not None and isinstance(outcome, Vanished):
            self._marks.vanished(attempt.slot)
        if not isinstance(outcome, Recorded):
            # Whatever it says: its own completion may have been committed, and the word of it lost.
            unheard = Succeeded if attempt.task.effects is Effects.TRANSACTIONAL else None
            self.finisher.add(attempt.ending(outcome), attempt.slot, unheard)
        else:
            self._ring("jobs")
            self.finisher.admit_soon(set(outcome.keys))
            if attempt.row.get("run_id") is not None:
                self.wake()  # for what its run does next
            if attempt.slot is not None:
                self._marks.end(attempt.slot)
        self.claimer.pace.end()
        self._start_more()
        self._ended += 1
        if not self._backlog or self._ended % SETTLE_EVERY == 0:
            self.claimer.settle()

    async def _outcome(self, attempt: Attempt) -> Outcome | Recorded:
        """Run the handler where it may run."""
        attempt.begun = True
        if attempt.stop is not None:
            raise asyncio.CancelledError
        await reach(Point.P3, (attempt.row,))
        task = attempt.task
        transactional = task.effects is Effects.TRANSACTIONAL
        if self.isolation.is_due(attempt):
            async with self.isolation.slots, self._transactional if transactional else nullcontext():
                self._begin(attempt, apart=True)
                return await self.isolation.run(attempt)
        if transactional:
            async with self._transactional:
                self._begin(attempt)
                return await run_transactional(attempt, self._engine, self._identity.executor_id)
        self._begin(attempt, apart=task.isolation == "process")
        if attempt.apart:
            return await self.isolation.run(attempt)
        context = attempt.open_context()
        if task.is_async:
            return await run_async(attempt, context)
        return await run_in_thread(attempt, context, self._in_thread)

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

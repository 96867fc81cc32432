"""The executors of one worker: starting them, hearing of their end, starting others in their place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

from easyflow.domain.rescue import Fate
from easyflow.engine.channel import Message
from easyflow.engine.child import Child, spawn
from easyflow.engine.quarantine import QUARANTINE_SECONDS, Quarantine
from easyflow.engine.restarts import Restarts
from easyflow.observability import record
from easyflow.storage import workers
from easyflow.storage.queues import QueueSettings
from easyflow.storage.sql import Connection

EXIT_MISCONFIGURED = 78


@dataclass(frozen=True, slots=True)
class Plan:
    """What this worker serves, and with how many processes."""

    queues: list[str]
    modules: list[str]
    executors: int
    concurrency: int


@dataclass(frozen=True, slots=True)
class Lost:
    """An executor that has ended, and how far each of its started attempts had come."""

    executor_id: UUID
    fates: dict[bytes, Fate]


class Crew:
    """Keeps as many executors alive as planned; a crash loop is slowed down."""

    def __init__(
        self,
        worker_id: UUID,
        plan: Plan,
        lease_seconds: float,
        door: int,
        on_change: Callable[[], None],
        ring: Callable[..., None],
    ) -> None:
        """Start none yet; each inherits `door`, which leads to the fork server.

        `on_change` is called when an executor ends or has become ready, `ring` with its topics.
        """
        self._worker_id = worker_id
        self._plan = plan
        self._lease_seconds = lease_seconds
        self._door = door
        self._on_change = on_change
        self._ring = ring
        self._watchers: set[asyncio.Task[None]] = set()
        self._start_at = [0.0] * plan.executors
        self._restarts = Restarts()
        self._quarantine = Quarantine()
        self.children: dict[UUID, Child] = {}
        self.lost: list[Lost] = []
        self.fatal: str | None = None
        self.tasks: list[str] = []
        self.stopping = False

    def renewed(self, executor_ids: set[UUID], until: float) -> None:
        """Tell executors until when (monotonic) their lease was renewed."""
        for executor_id in executor_ids:
            child = self.children.get(executor_id)
            if child is not None:
                child.marks.renewed(until)

    async def start_due(self, connection: Connection, greeting: Message) -> None:
        """Start every executor that is missing and whose time has come; each gets its row first."""
        now = time.monotonic()
        due = [at for at in self._start_at if at <= now and not self.stopping]
        for at in due:
            executor_id = uuid4()
            await workers.register_executor(connection, executor_id, self._worker_id, self._lease_seconds)
            self._start_at.remove(at)
            child = await spawn(
                executor_id,
                self._worker_id,
                executors=self._plan.executors,
                concurrency=self._plan.concurrency,
                modules=self._plan.modules,
                door=self._door,
            )
            child.marks.renewed(now + self._lease_seconds)
            self.children[executor_id] = child
            child.tell(greeting)
            child.tell(self._apart())
            watcher = asyncio.create_task(self._watch(child))
            self._watchers.add(watcher)
            watcher.add_done_callback(self._watchers.discard)

    def tell(self, message: Message) -> None:
        """Send all executors a message."""
        for child in self.children.values():
            child.tell(message)

    def kill_overdue(self) -> None:
        """Kill executors that run a job past its deadline and do not end it themselves."""
        now = time.monotonic()
        for child in self.children.values():
            culprits = child.overdue(now)
            if culprits and child.culprits is None:
                record.executor_killed(child.executor_id, child.pid, "a job ignores its deadline")
                child.kill(culprits)

    def kill_retired(self, live: set[UUID], asked: set[UUID]) -> None:
        """Kill executors the database no longer believes in: their jobs belong to others now."""
        for executor_id in asked - live:
            child = self.children.get(executor_id)
            if child is not None:
                record.executor_killed(executor_id, child.pid, "its lease had run out")
                child.kill(set())

    async def ended(self, grace_seconds: float | None = None) -> bool:
        """Wait until all executors have ended; returns whether they did in time."""
        if self._watchers:
            await asyncio.wait(set(self._watchers), timeout=grace_seconds)
        return not self.children

    def is_ready(self) -> bool:
        """Say whether every planned executor has loaded its tasks."""
        return len(self.children) == self._plan.executors and all(child.ready for child in self.children.values())

    async def _watch(self, child: Child) -> None:
        listening = asyncio.create_task(child.listen(self._heard, self._ring, self._died_alone))
        returncode = await child.process.wait()
        if returncode == EXIT_MISCONFIGURED:
            await asyncio.wait([listening], timeout=1.0)
        listening.cancel()
        fates = child.fates()
        child.marks.close()
        del self.children[child.executor_id]
        self.lost.append(Lost(child.executor_id, fates))
        if returncode == EXIT_MISCONFIGURED:
            self.fatal = child.fatal or "an executor could not start"
        elif not self.stopping:
            record.executor_died(child.executor_id, child.pid, returncode, len(fates))
        self._plan_restart(child, len(fates))
        self._ring("workers")
        self._on_change()

    def release_quarantined(self) -> None:
        """Let tasks share executors again that have not taken a process down for a while."""
        if self._quarantine.release():
            self.tell(self._apart())

    def _died_alone(self, task: str) -> None:
        if self._quarantine.add(task):
            record.task_quarantined(task, QUARANTINE_SECONDS)
            self.tell(self._apart())

    def _apart(self) -> Message:
        return {"apart": self._quarantine.tasks()}

    def _plan_restart(self, child: Child, started: int) -> None:
        """Start another at once; when executors keep dying young with nothing to do, wait longer each time.

        One that was running jobs died of them: they run apart from now on.
        """
        wait_seconds = self._restarts.wait_seconds(child.born_at, blameless=child.culprits is not None or started > 0)
        self._start_at.append(time.monotonic() + wait_seconds)

    def _heard(self, tasks: list[str]) -> None:
        self.tasks = tasks
        self._ring("workers")
        self._on_change()


def queues_message(queues: QueueSettings) -> Message:
    """Tell executors which queues they serve."""
    return {"queues": {"open": list(queues.open), "limited": list(queues.limited)}}

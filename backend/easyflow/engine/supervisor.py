"""The supervisor: starts executors, renews their lease, and takes their jobs back when they die. Runs no user code."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from importlib.metadata import version
from typing import Any
from uuid import uuid4

import asyncpg
import uvloop

from easyflow.engine.connection import LOST, HeldConnection
from easyflow.engine.crew import Crew, Plan, queues_message
from easyflow.engine.fork_server import ForkServer
from easyflow.engine.housekeeping import Rescuer, catch_up, chores, run_due
from easyflow.engine.notices import Notices
from easyflow.engine.state_folder import StateFolder
from easyflow.engine.strays import Strays
from easyflow.engine.timeline import Watch
from easyflow.errors import Misconfigured
from easyflow.failpoints import Point, arm, exchange
from easyflow.observability import record
from easyflow.observability.logging import configure
from easyflow.settings import Settings
from easyflow.storage import workers
from easyflow.storage.notifications import CONTROL, READY, TOPICS
from easyflow.storage.queues import QueueSettings, ensure, read_settings
from easyflow.storage.rescue import Limits
from easyflow.storage.sql import Connection

TICK_SECONDS = 0.25
RETURN_SECONDS = 3.0
RECORD_SECONDS = 3.0
SIGN_OFF_SECONDS = 5.0


class Supervisor:
    """One worker: this process, which runs no user code, and its executors, which do.

    Three connections: one renews the lease and hears wake-up calls, one does everything that may take longer, and one
    only tells who looks on what changed.
    """

    def __init__(self, settings: Settings, plan: Plan) -> None:
        """Put the parts together; `run` starts them."""
        self._settings = settings
        self._plan = plan
        self._worker_id = uuid4()
        self._queues = QueueSettings((), ())
        self._renewed_at = float("-inf")
        self._steady_since = float("inf")
        self._unheard = False
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._turn_now = asyncio.Event()
        self._announced: list[str] = []
        self._ready = asyncio.Event()
        self._draining_said = False
        self._notices = Notices(settings.direct_url)
        self._fork_server = ForkServer(plan.modules)
        rings = (self._turn_now.set, self._notices.ring)
        self._crew = Crew(self._worker_id, plan, settings.lease_seconds, self._fork_server.door.fileno(), *rings)
        self._rescuer = Rescuer(Limits(settings.loss_limit, settings.unstarted_limit), self._notices.ring)
        folder = StateFolder(settings.state_path)
        self._watch = Watch(self._worker_id, folder, settings.renew_seconds, self._notices.ring)
        self._lease_connection = HeldConnection(settings.direct_url, "easyflow lease", max(1.0, settings.renew_seconds))
        self._chore_connection = HeldConnection(settings.direct_url, "easyflow housekeeping")
        self._chores = chores(settings.poll_seconds, settings.lease_seconds, self._rescue, Strays(self._crew.children))

    async def run(self) -> int:
        """Work until told to stop; returns the exit status. Raises Misconfigured when the tasks cannot be loaded."""
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, self._on_signal)
        stopped = asyncio.create_task(self._stop.wait())
        registering = asyncio.create_task(self._register())
        await asyncio.wait([registering, stopped], return_when=asyncio.FIRST_COMPLETED)
        if registering.done():
            registering.result()
            await self._work(stopped)
        registering.cancel()
        stopped.cancel()
        self._fork_server.close()
        if self._crew.fatal is not None:
            raise Misconfigured(self._crew.fatal)
        return 0

    async def _work(self, stopped: asyncio.Task[Any]) -> None:
        loops = [asyncio.create_task(each()) for each in (self._lease_loop, self._chore_loop, self._deadline_loop)]
        loops.append(asyncio.create_task(self._fork_server.keep(self._ready)))
        await asyncio.wait([*loops, stopped], return_when=asyncio.FIRST_COMPLETED)
        await self._drain()
        for task in loops:
            task.cancel()
        outcomes = await asyncio.gather(*loops, return_exceptions=True)
        await self._sign_off()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def _on_signal(self) -> None:
        """Drain at the first signal, hurry at the second."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _register(self) -> None:
        """Announce this worker, waiting for the database if it is away."""
        while True:
            try:
                async with self._chore_connection.lent() as connection:
                    await ensure(connection, self._plan.queues)
                    await workers.register(
                        connection,
                        self._worker_id,
                        host=socket.gethostname(),
                        pid=os.getpid(),
                        version=version("easyflow"),
                        queues=self._plan.queues,
                        tasks=[],
                    )
                    self._queues = await read_settings(connection, self._plan.queues)
                self._notices.ring("workers", "queues")
                return
            except LOST as gone:
                record.database_lost("register", type(gone).__name__)

    async def _lease_loop(self) -> None:
        """Renew the executors' lease, and hear wake-up calls; nothing slow ever runs on this connection."""
        listening: Connection | None = None
        while True:
            try:
                async with self._lease_connection.lent() as connection:
                    if connection is not listening:
                        await connection.add_listener(READY, self._on_ready)
                        await connection.add_listener(CONTROL, self._on_control)
                        listening = connection
                    await self._renew(connection)
                await asyncio.sleep(self._settings.renew_seconds)
            except LOST as gone:
                record.database_lost("lease", type(gone).__name__)
            except asyncpg.PostgresError as failed:
                record.loop_failed("lease", failed)
                await asyncio.sleep(TICK_SECONDS)

    async def _renew(self, connection: Connection) -> None:
        """Renew once; a reply that does not come in time is a lost connection, while the lease still lasts."""
        asked = set(self._crew.children)
        now = time.monotonic()
        async with asyncio.timeout(self._settings.renew_seconds):
            renewing = workers.renew(connection, self._worker_id, sorted(asked), self._settings.lease_seconds)
            live = await exchange(Point.P11, None, renewing, connection)
        if now - self._renewed_at > 2 * self._settings.renew_seconds:
            self._steady_since = now
        self._renewed_at = now
        self._crew.renewed(live, now + self._settings.lease_seconds)
        self._crew.kill_retired(live, asked)

    def _on_ready(self, connection: object, pid: int, channel: str, queue: object) -> None:
        if queue in self._plan.queues:
            self._crew.tell({"wake": queue})

    def _on_control(self, connection: object, pid: int, channel: str, payload: object) -> None:
        self._turn_now.set()

    async def _chore_loop(self) -> None:
        """Take back what was lost, start what is missing, pass on what operators asked for, keep tickets moving."""
        while self._crew.fatal is None:
            try:
                async with self._chore_connection.lent() as connection:
                    await self._chore_turn(connection)
            except LOST as gone:
                record.database_lost("housekeeping", type(gone).__name__)
                self._unheard = True
            except asyncpg.PostgresError as failed:
                record.loop_failed("housekeeping", failed)
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._turn_now.wait()
            except TimeoutError:
                pass
            self._turn_now.clear()
        self._stop.set()

    async def _chore_turn(self, connection: Connection) -> None:
        if self._unheard:
            await catch_up(self._chores, connection, self._plan.queues, self._notices.ring)
            self._unheard = False
        if await self._watch.turn(connection):
            self._crew.tell(self._watch.message())
        await self._take_back(connection)
        await self._crew.start_due(connection, {**self._watch.message(), **queues_message(self._queues)})
        await self._announce(connection)
        queues = await read_settings(connection, self._plan.queues)
        if queues != self._queues:
            self._queues = queues
            self._crew.tell(queues_message(queues))
        cancelled = await workers.cancelled_jobs(connection, list(self._crew.children))
        for executor_id, job_id in cancelled:
            child = self._crew.children.get(executor_id)
            if child is not None:
                child.tell({"cancel": [str(job_id)]})
        await run_due(self._chores, connection, self._notices.ring)

    async def _take_back(self, connection: Connection) -> None:
        while self._crew.lost:
            lost = self._crew.lost[0]
            await self._rescuer.take_back(connection, lost.executor_id, lost.fates)
            self._crew.lost.pop(0)

    async def _rescue(self, connection: Connection) -> list[asyncpg.Record]:
        """Rescue from others only while our own lease is fresh, and not at once: after an outage everyone renews first.

        A worker that finds the database a moment later than we do is not dead.
        """
        now = time.monotonic()
        if now - self._renewed_at > 2 * self._settings.renew_seconds:
            return []
        if now - self._steady_since < min(RETURN_SECONDS, self._settings.lease_seconds / 3):
            return []
        return await self._rescuer.run_once(connection)

    async def _announce(self, connection: Connection) -> None:
        if self._crew.tasks != self._announced:
            await workers.set_tasks(connection, self._worker_id, self._crew.tasks)
            self._announced = list(self._crew.tasks)
            self._notices.ring("workers")
        if self._crew.stopping and not self._draining_said:
            self._draining_said = True
            await workers.set_state(connection, self._worker_id, "draining")
            self._notices.ring("workers")
        if self._crew.tasks and self._crew.is_ready() and not self._ready.is_set():
            self._ready.set()
            record.worker_ready(self._worker_id, self._plan.queues, self._crew.tasks, self._plan.executors)

    async def _deadline_loop(self) -> None:
        """Enforce deadlines even against code that blocks its executor's loop, and while the database is away."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._crew.kill_overdue()
            self._crew.release_quarantined()

    async def _drain(self) -> None:
        """Let running jobs finish within the grace period; a second signal cuts it short."""
        self._crew.stopping = True
        grace = self._settings.drain_grace_seconds
        if self._crew.fatal is None:
            record.worker_draining(self._worker_id, grace)
        self._crew.tell({"drain": grace})
        waits = [
            asyncio.create_task(self._crew.ended(grace + 2 * self._settings.kill_grace_seconds + RECORD_SECONDS)),
            asyncio.create_task(self._hurry.wait()),
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        for child in list(self._crew.children.values()):
            child.kill(set())  # what it still runs is not to blame
        await self._crew.ended()

    async def _sign_off(self) -> None:
        """Leave nothing behind: take back what drained executors still held, and say that this worker is gone."""
        try:
            async with asyncio.timeout(SIGN_OFF_SECONDS):
                while not await self._signed_off():
                    continue
                self._notices.ring(*TOPICS)  # also for what an executor's last words, cut off by its end, would say
                await self._notices.close()
        except (TimeoutError, asyncpg.PostgresError) as away:
            record.database_lost("sign off", type(away).__name__)
        await self._lease_connection.close()
        await self._chore_connection.close()

    async def _signed_off(self) -> bool:
        """Try once; returns False when the connection was lost."""
        try:
            async with self._chore_connection.lent() as connection:
                await self._take_back(connection)
                await workers.set_state(connection, self._worker_id, "stopped")
        except LOST as gone:
            record.database_lost("sign off", type(gone).__name__)
            return False
        record.worker_stopped(self._worker_id)
        return True


def run(settings: Settings, plan: Plan) -> int:
    """Run one worker in this process until SIGTERM or SIGINT; returns its exit status.

    Raises Misconfigured when there is no database address or the tasks cannot be loaded.
    """
    configure(settings.log_format)
    arm(settings)
    _ = settings.direct_url
    return uvloop.run(Supervisor(settings, plan).run())

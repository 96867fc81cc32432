"""The nightly posting run as the command line sees it: started once, waited for, its totals compared."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from easyflow.cli.connection import connected
from easyflow.cli.output import complain
from easyflow.cli.report import Report
from easyflow.cli.submit import submit_one
from easyflow.cli.tasks import BUILT_IN
from easyflow.domain.states import TERMINAL, State
from easyflow.errors import EasyFlowError, StorageUnavailable
from easyflow.registry import load
from easyflow.settings import Settings
from easyflow.storage import dead_letters, jobs, workers
from easyflow.storage.database import open_engine
from easyflow.storage.lists import DeadLetterFilter, list_dead_letters
from easyflow.storage.selection import states_of_tag
from easyflow.storage.sql import Connection
from easyflow.storage.transactional import lost_database
from easyflow.submission.requests import NewJob

T = TypeVar("T")

START, POST, TAG = "demo.start", "mainframe.post_transaction", "mainframe"
# Examples are user code: they are found by name, as tasks are.
SUMMARY = "easyflow.examples.mainframe.summary"

LOOK_SECONDS = 0.2
TELL_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
IDLE_SECONDS = 10.0
LETTERS = 500


class Night:
    """One look at the demo from outside; every step can be repeated, so a database that restarts is waited for."""

    def __init__(self, known: Settings) -> None:
        """Load the demo's tasks: what it submits is checked here, also before the first worker has announced them."""
        load(list(BUILT_IN))
        self._known = known
        self._summary: Any = importlib.import_module(SUMMARY)
        self._answered_at: float | None = None
        self._told = ""
        self._told_at = float("-inf")
        self._moved_at = time.monotonic()

    async def start(self) -> tuple[UUID, State]:
        """Submit `demo.start` unless that was done; returns the job that counts, and where it is.

        One that failed, was cancelled or is long forgotten is followed by another: the task adds what is missing.
        """

        async def submit(connection: Connection) -> tuple[UUID, State]:
            key = "demo/mainframe"
            while True:
                asked = NewJob(task=START, idempotency_key=key)
                job_id, _ = await submit_one(connection, asked, self._known)
                rows = await jobs.read_states(connection, [job_id])
                if rows and rows[0]["state"] not in (State.FAILED, State.CANCELLED):
                    return job_id, State(rows[0]["state"])
                key = f"demo/mainframe after {job_id}"

        return await self._steadily(submit)

    async def report(self) -> Report:
        """Start if need be, wait until every transaction is through, and return what the night came to."""
        job_id, state = await self.start()

        async def look(connection: Connection) -> Report:
            await self._started(connection, job_id)
            while True:
                states = await self._through(connection)
                report = await self._read(connection, states)
                if await states_of_tag(connection, TAG, POST) == states:
                    return report

        report = await self._steadily(look)
        report.start_job_id, report.was_done = job_id, state is State.SUCCEEDED
        return report

    async def _started(self, connection: Connection, job_id: UUID) -> None:
        while True:
            state = State((await jobs.read_states(connection, [job_id]))[0]["state"])
            if state in (State.FAILED, State.CANCELLED):
                raise EasyFlowError(f"the job {START} is {state}: `easyflow jobs show {job_id}` says why")
            if state is State.SUCCEEDED:
                return
            await self._pause(connection, f"loading the files ({START} is {state})")

    async def _through(self, connection: Connection) -> dict[State, int]:
        while True:
            states = await states_of_tag(connection, TAG, POST)
            total = sum(states.values())
            left = sum(count for state, count in states.items() if state not in TERMINAL)
            if not left:
                return states
            await self._pause(connection, f"{total - left} of {total} transactions are through")

    async def _pause(self, connection: Connection, line: str) -> None:
        """Tell how far it is, at most once a second and when it changed, and wait a little."""
        self._answered_at = now = time.monotonic()
        if line != self._told and now - self._told_at > TELL_SECONDS:
            print(line, file=sys.stderr, flush=True)
            self._told, self._told_at, self._moved_at = line, now, now
        elif now - self._moved_at > IDLE_SECONDS:
            self._moved_at = float("inf")
            await self._hint(connection)
        await asyncio.sleep(LOOK_SECONDS)

    async def _hint(self, connection: Connection) -> None:
        """Say it once when nothing moves because nobody works."""
        rows = await workers.list_all(connection, 1000)
        lease = self._known.lease_seconds
        if not any(row["state"] == "live" and row["silent_seconds"] < lease and TAG in row["queues"] for row in rows):
            complain(
                f"no worker serves the queue {TAG}: start one with `easyflow worker`; this command goes on waiting"
            )

    async def _read(self, connection: Connection, states: dict[State, int]) -> Report:
        rejected = [rejection async for rejection in self._rejections(connection)]
        async with self._session() as session:
            summary = await self._summary.read_summary(session)
        if summary is None:
            raise EasyFlowError("the demo's tables in the schema easyflow_demo are gone: somebody removed them")
        return Report(states, summary, rejected, self._summary.verify(summary, rejected))

    async def _rejections(self, connection: Connection) -> AsyncIterator[Any]:
        """Read every transaction that waits for a person, or was set aside by one."""
        for state in ("open", "discarded"):
            page = await list_dead_letters(connection, DeadLetterFilter(state, POST), after=None, limit=LETTERS)
            for row in page.rows:
                letter = await dead_letters.read(connection, row["job_id"])
                asked = json.loads(letter["payload"])
                amount = Decimal(asked["amount"])
                yield self._summary.Rejection(asked["transaction_id"], letter["error_code"], amount)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Any]:
        """Open what the demo's own queries run on; raises StorageUnavailable."""
        engine = open_engine(self._known.direct_url, 1, PATIENCE_SECONDS)
        try:
            async with engine.connect() as session:
                yield session
        except Exception as error:
            if lost_database(error):
                raise StorageUnavailable from error
            raise
        finally:
            await engine.dispose()

    async def _steadily(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do it over and over until it was not cut off; a database that never answered is not waited for."""
        while True:
            try:
                async with connected(self._known) as connection:
                    self._answered_at = time.monotonic()
                    return await work(connection)
            except StorageUnavailable:
                if self._answered_at is None or time.monotonic() - self._answered_at > PATIENCE_SECONDS:
                    raise
                await asyncio.sleep(LOOK_SECONDS)

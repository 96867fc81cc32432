"""The loop of schedules: starts a run for each slot that is due; safe in any number of workers, and needs no leader."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from easyflow.engine.connection import LOST
from easyflow.observability import record
from easyflow.storage.database import committed
from easyflow.storage.slots import Ticked, find_due, seconds_until_next, tick
from easyflow.storage.sql import Connection

TURN_SECONDS = 0.5


class Runs(Protocol):
    """How one tick starts and cancels runs, and what it has to tell once that is committed."""

    async def start(
        self,
        connection: Connection,
        workflow: str,
        input: Any,
        /,
        *,
        tags: Sequence[str],
        schedule: str,
        slot: datetime,
    ) -> UUID:
        """Start a run, as `storage.slots.Start` says."""
        ...

    async def cancel(self, connection: Connection, run_id: UUID, /, *, reason: str) -> None:
        """Cancel a run, as `storage.slots.Cancel` says."""
        ...

    async def committed(self, connection: Connection) -> list[dict[str, str]]:
        """Do what follows the commit; returns the queues that got jobs, as `{"queue": name}`."""
        ...


class Scheduler:
    """Ticks schedules that are due: at the time of the next slot, and at the latest after the poll interval."""

    def __init__(self, runs: Callable[[], Runs], poll_seconds: float) -> None:
        """Look at once; `runs` makes what one tick uses, as a tick that is rolled back has nothing to tell."""
        self._runs = runs
        self._poll_seconds = poll_seconds
        self.begin_again()

    def begin_again(self) -> None:
        """Look at once, from the first name on."""
        self._look_at = float("-inf")
        self._after = ""

    async def run_once(self, connection: Connection) -> list[dict[str, str]]:
        """Do what is due, for half a second at most; returns the queues that got jobs.

        It goes from name to name, so that none is left out for one that fails again and again.
        """
        moved: list[dict[str, str]] = []
        if time.monotonic() < self._look_at:
            return moved
        until = time.monotonic() + TURN_SECONDS
        while names := await find_due(connection, after=self._after):
            for name in names:
                self._after = name
                moved += await self._tick(connection, name)
                if time.monotonic() >= until:
                    return moved
        self._after = ""
        await self._rest(connection)
        return moved

    async def _rest(self, connection: Connection) -> None:
        seconds = await seconds_until_next(connection)
        wait = self._poll_seconds if seconds is None or seconds < 0 else min(seconds, self._poll_seconds)
        self._look_at = time.monotonic() + wait

    async def _tick(self, connection: Connection, name: str) -> list[dict[str, str]]:
        runs = self._runs()
        try:
            async with committed(connection):
                ticked = await tick(connection, name, runs.start, runs.cancel)
        except asyncpg.LockNotAvailableError:
            return []  # somebody holds a run that is to be cancelled
        except LOST:
            raise
        except Exception as failed:
            record.loop_failed(f"schedule {name}", failed)
            return []
        _say(name, ticked)
        return await runs.committed(connection)


def _say(name: str, ticked: Ticked) -> None:
    for refused in ticked.refused:
        record.slot_refused(name, refused.slot, refused.why)
    for missed in ticked.missed:
        record.slots_missed(name, missed.slot, missed.last or missed.slot, missed.count, missed.note)

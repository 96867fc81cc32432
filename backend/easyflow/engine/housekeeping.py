"""The loops that keep the tickets moving. Every supervisor runs them all; none needs a leader to be safe."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from easyflow.domain.rescue import Fate
from easyflow.engine.connection import LOST
from easyflow.engine.runs import RunKeeper
from easyflow.engine.scheduler import Scheduler
from easyflow.engine.state_folder import WITNESS_DAYS
from easyflow.engine.strays import Strays
from easyflow.observability import record
from easyflow.storage import admission, items, timeline, workers
from easyflow.storage.admission import Key
from easyflow.storage.notifications import TOPICS, notify_ready
from easyflow.storage.rescue import BATCH, Limits, rescue
from easyflow.storage.sql import Connection, statement
from easyflow.submission.scheduled_runs import ScheduledRuns

PROMOTE_BATCH = 1000
PROMOTE_OVERLAP = timedelta(seconds=10)
PROMOTE_FULL_EVERY_SECONDS = 30.0
PARTITION_DAYS_AHEAD = 7
SWEEP_EVERY_SECONDS = 1.0
STRAYS_EVERY_SECONDS = 5.0
ROLL_UP_EVERY_SECONDS = 10.0
COUNT_RUNNING_EVERY_SECONDS = 20.0
LATE_MINUTES = 1
MINUTES_AT_ONCE = 10
CATCH_UP_SECONDS = 0.5
THROUGHPUT_DAYS = 30
REMOVED_AT_ONCE = 5000
MORE_LOOKS = 10
LOOK_SECONDS = 0.05
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _to_nobody(*topics: str) -> None:
    """Where nobody looks on."""


class Promoter:
    """Moves scheduled jobs that are due.

    It starts behind what it promoted last: behind a pinned snapshot a scan from the front walks over every dead entry.
    An overlap, and now and then a full scan, find what committed late.
    """

    def __init__(self) -> None:
        """Begin with a full scan."""
        self.begin_again()

    def begin_again(self) -> None:
        """Begin with a full scan next time."""
        self._after = LONG_AGO
        self._full_at = float("-inf")

    async def run_once(self, connection: Connection) -> list[asyncpg.Record]:
        """Promote all that is due; returns what moved."""
        if time.monotonic() - self._full_at > PROMOTE_FULL_EVERY_SECONDS:
            self._after, self._full_at = LONG_AGO, time.monotonic()
        moved: list[asyncpg.Record] = []
        while True:
            rows = await statement("promote_jobs").fetch(connection, after=self._after, max_jobs=PROMOTE_BATCH)
            moved += rows
            if rows:
                self._after = max(row["run_at"] for row in rows) - PROMOTE_OVERLAP
            if len(rows) < PROMOTE_BATCH:
                break
        moved_on = await admission.admit(connection, admission.keys_of(r for r in moved if r["state"] == "BLOCKED"))
        return [row for row in moved if row["state"] == "READY"] + moved_on


class Rescuer:
    """Takes leases back from executors that are gone: our own by their marks, other workers' by their expired lease."""

    def __init__(self, limits: Limits, ring: Callable[..., None] = _to_nobody) -> None:
        """Judge by these limits; `ring` is called with the topics that a rescue has changed."""
        self._limits = limits
        self._ring = ring
        self._fates: dict[bytes, Fate] = {}
        self._own: set[UUID] = set()

    async def take_back(self, connection: Connection, executor_id: UUID, fates: dict[bytes, Fate]) -> None:
        """Rescue all that an executor of ours held, whose process has ended and whose marks told `fates`.

        Its last statement may still run and hold rows, or be about to commit a claim, so one look is not enough. What
        takes longer than half a second is left to `run_once`.
        """
        self._fates |= fates
        self._own.add(executor_id)
        await workers.retire(connection, executor_id)
        self._ring("workers")
        await self._rescue(connection, [executor_id])
        for _ in range(MORE_LOOKS):
            await asyncio.sleep(LOOK_SECONDS)
            await self._rescue(connection, [executor_id])
            if executor_id not in await workers.dead_holders(connection):
                return

    async def run_once(self, connection: Connection) -> list[asyncpg.Record]:
        """Retire executors whose lease ran out, and rescue whatever dead executors still hold."""
        if await workers.retire_expired(connection):
            self._ring("workers")
        holders = await workers.dead_holders(connection)
        moved = await self._rescue(connection, holders) if holders else []
        if not holders:
            self._fates.clear()
            self._own.clear()
        return moved

    async def _rescue(self, connection: Connection, executor_ids: list[UUID]) -> list[asyncpg.Record]:
        all_moved: list[asyncpg.Record] = []
        for group in (
            [executor_id for executor_id in executor_ids if executor_id in self._own],
            [executor_id for executor_id in executor_ids if executor_id not in self._own],
        ):
            fate_of = self._own_fate if group and group[0] in self._own else _unknown
            while group:
                moved = await rescue(connection, group, fate_of, self._limits)
                all_moved += moved
                if len(moved) < BATCH:
                    break
        if all_moved:
            record.jobs_rescued(len(all_moved), sum(row["state"] == "FAILED" for row in all_moved))
            await admission.admit(connection, admission.keys_of(all_moved))
            await notify_ready(connection, {row["queue"] for row in all_moved})
            self._ring("jobs", "dead-letters")
        return all_moved

    def _own_fate(self, claim_token: UUID) -> Fate:
        return self._fates.get(claim_token.bytes, "unstarted")


class Sweeper:
    """Admits what an enqueue in a user's own transaction, or a process that died after its finish, left blocked."""

    def __init__(self) -> None:
        """Begin with the first key."""
        self.begin_again()

    def begin_again(self) -> None:
        """Begin with the first key next time."""
        self._after: Key = admission.FIRST_KEY

    async def run_once(self, connection: Connection) -> list[asyncpg.Record]:
        """Look at the next keys; returns what moved."""
        moved, self._after = await admission.sweep(connection, self._after)
        return moved


class ItemRemover:
    """Removes what attempts have emitted that came to nothing."""

    def __init__(self) -> None:
        """Begin with the first step."""
        self._after = items.FIRST_STEP

    async def run_once(self, connection: Connection) -> list[asyncpg.Record]:
        """Look at the next steps; nothing of it is anybody's work."""
        self._after = await items.remove_stale(connection, self._after)
        return []


async def create_partitions(connection: Connection) -> list[asyncpg.Record]:
    """Create the days ahead; several workers at once wait for each other only briefly."""
    async with connection.transaction():
        await connection.execute("set local lock_timeout = '200ms'")
        await statement("create_partitions").fetch(connection, days_ahead=PARTITION_DAYS_AHEAD)
    return []


async def remove_idle_keys(connection: Connection) -> list[asyncpg.Record]:
    """Remove rows of keys that nothing uses any more."""
    await statement("remove_idle_keys").fetch(connection, max_keys=1000)
    return []


async def remove_old_witnesses(connection: Connection) -> list[asyncpg.Record]:
    """Remove the marks of workers that nobody remembers any more."""
    await timeline.remove_old_witnesses(connection, WITNESS_DAYS)
    return []


async def roll_up(connection: Connection) -> list[asyncpg.Record]:
    """Count what ended, by the minute, and remove counts of long ago; each worker tries, and one does it.

    What it is behind, after a time without workers, it catches up in steps of ten minutes, half a second in each turn.
    """
    until = time.monotonic() + CATCH_UP_SECONDS
    behind = True
    while behind and time.monotonic() < until:
        async with connection.transaction():
            await connection.execute("set local lock_timeout = '200ms'; set local statement_timeout = '10s'")
            row = await statement("roll_up_throughput").fetchrow(
                connection,
                every_seconds=COUNT_RUNNING_EVERY_SECONDS,
                late_minutes=LATE_MINUTES,
                max_minutes=MINUTES_AT_ONCE,
            )
        behind = row is not None and row["behind"]
    await statement("remove_old_throughput").fetch(connection, days=THROUGHPUT_DAYS, max_rows=REMOVED_AT_ONCE)
    return []


def _unknown(claim_token: UUID) -> Fate:
    return "unknown"


Turn = Callable[[Connection], Awaitable[Sequence[asyncpg.Record] | list[dict[str, str]]]]


@dataclass(slots=True)
class Chore:
    """One loop: what a turn does, and how often."""

    name: str
    turn: Turn
    every_seconds: float
    due_at: float = field(default=0.0)
    begin_again: Callable[[], None] | None = None


def chores(poll_seconds: float, lease_seconds: float, rescue: Turn, strays: Strays) -> list[Chore]:
    """Return every loop of one worker, due at once; `rescue` is its own, as it knows which executors are its."""
    promoter, sweeper = Promoter(), Sweeper()
    scheduler = Scheduler(ScheduledRuns, poll_seconds)
    return [
        Chore("promote", promoter.run_once, poll_seconds, begin_again=promoter.begin_again),
        Chore("rescue", rescue, min(1.0, lease_seconds / 4)),
        Chore("sweep", sweeper.run_once, SWEEP_EVERY_SECONDS, begin_again=sweeper.begin_again),
        Chore("runs", RunKeeper().run_once, poll_seconds),
        Chore("schedules", scheduler.run_once, 0.0, begin_again=scheduler.begin_again),
        Chore("stale items", ItemRemover().run_once, 10.0),
        Chore("strays", strays.run_once, STRAYS_EVERY_SECONDS),
        Chore("idle keys", remove_idle_keys, 60.0),
        Chore("partitions", create_partitions, 3600.0),
        Chore("witnesses", remove_old_witnesses, 3600.0),
        Chore("throughput", roll_up, ROLL_UP_EVERY_SECONDS),
    ]


async def catch_up(
    chores: list[Chore], connection: Connection, queues: Iterable[str], ring: Callable[..., None]
) -> None:
    """Look at everything and wake everyone: what a chore had moved whose answer was lost, nobody was told."""
    for chore in chores:
        if chore.begin_again is not None:
            chore.begin_again()
            chore.due_at = 0.0
    await notify_ready(connection, queues)
    ring(*TOPICS)


async def run_due(chores: list[Chore], connection: Connection, ring: Callable[..., None]) -> None:
    """Give each chore that is due its turn, wake workers for what moved, and `ring` for it.

    A turn that PostgreSQL refuses is recorded and tried again at its next time; a lost connection is the caller's.
    """
    for chore in chores:
        if time.monotonic() < chore.due_at:
            continue
        chore.due_at = time.monotonic() + chore.every_seconds
        try:
            moved = await chore.turn(connection)
        except asyncpg.LockNotAvailableError:
            chore.due_at = time.monotonic() + 1.0
            continue
        except LOST:
            raise
        except asyncpg.PostgresError as failed:
            record.loop_failed(chore.name, failed)
            continue
        if moved:
            await notify_ready(connection, {row["queue"] for row in moved})
            ring("jobs")

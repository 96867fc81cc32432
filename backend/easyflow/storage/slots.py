"""Slots of schedules: a run is started once for each, by any number of schedulers.

A slot is taken before its run is started, all in one transaction: the unique index on what was taken lets nobody start
it twice. The lock on the schedule only spares others the attempt. It is had first, before any lock on a run, and
nobody who holds a run asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from easyflow.domain import document
from easyflow.domain.due import MOST_WAITING, Action, CatchUp, Decision, Facts, Overlap, Waiting, due
from easyflow.domain.schedule import Slot, upcoming
from easyflow.errors import Conflict, EasyFlowError, Invalid, Missing
from easyflow.storage.schedules import INPUT_BYTES, record_missed, timing_of
from easyflow.storage.sql import Connection, statement

MOST_LIVE = 1000
# What is wrong with the values themselves, and would be wrong again.
UNFIT = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)


class Start(Protocol):
    """Starts a run of the newest version of a workflow, in the caller's transaction; returns its id.

    Raises an EasyFlowError when there is no such workflow, or the input does not fit it.
    """

    async def __call__(
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
        """Start it."""
        ...


class Cancel(Protocol):
    """Has a run stop, in the caller's transaction; it may be over at once, or later."""

    async def __call__(self, connection: Connection, run_id: UUID, /, *, reason: str) -> None:
        """Cancel it."""
        ...


@dataclass(frozen=True, slots=True)
class Refused:
    """A slot whose run could not be started, and why."""

    slot: datetime
    why: str


@dataclass(slots=True)
class Ticked:
    """What one look at a schedule did; the runs are to be told of behind the commit."""

    started: list[UUID] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    missed: list[Decision] = field(default_factory=list)


async def find_due(connection: Connection, *, after: str = "", limit: int = 100) -> list[str]:
    """Return up to `limit` names, behind `after` and by name, of schedules for which there is something to do."""
    rows = await statement("find_due_schedules").fetch(connection, after=after, max_schedules=limit)
    return [row["name"] for row in rows]


async def seconds_until_next(connection: Connection) -> float | None:
    """Return how long it is until the next slot of any schedule, below 0 when it is due; None when none will come."""
    row = await statement("read_next_slot").fetchrow(connection)
    return None if row is None else float(row["seconds"])


async def tick(connection: Connection, name: str, start: Start, cancel: Cancel) -> Ticked:
    """Do what a schedule's slots ask for by now, in the caller's transaction; nothing when somebody else does so.

    A slot whose run cannot be started is written down as refused, and the schedule goes on. Raises what may go away by
    itself (an error that says retryable, what the database raises): nothing is done then, and the next tick tries it.
    """
    row = await statement("lock_free_schedule").fetchrow(connection, name=name)
    if row is None or row["paused"]:
        return Ticked()
    facts = await _facts(connection, row)
    turn = Turn(connection, row, start, {each.slot for each in facts.waiting})
    last = row["last_slot"]
    for decision in due(facts, row["now"]):
        await turn.carry_out(decision, cancel)
        last = max(filter(None, (last, decision.slot, decision.last)))
    if row["next_slot"] is not None and row["next_slot"] <= row["now"]:
        following = next(upcoming(facts.timing, row["now"]), None)
        await statement("advance_schedule").fetch(
            connection, name=name, next_slot=following.at if following else None, last_slot=last
        )
    return turn.ticked


class Turn:
    """What is done with the slots of one locked schedule."""

    def __init__(self, connection: Connection, row: asyncpg.Record, start: Start, waiting: set[datetime]) -> None:
        """Begin with the slots that wait already."""
        self.ticked = Ticked()
        self._connection = connection
        self._row = row
        self._name: str = row["name"]
        self._start = start
        self._waiting = waiting

    async def carry_out(self, decision: Decision, cancel: Cancel) -> None:
        """Do what was decided about a slot."""
        slot = Slot(decision.slot, note=decision.note)
        match decision.action:
            case Action.MISS:
                await record_missed(self._connection, self._name, [decision])
                self.ticked.missed.append(decision)
            case Action.SKIP:
                await self._skip(slot)
            case Action.QUEUE:
                await self.take([slot])
            case Action.START:
                if slot.at in self._waiting or await self.take([slot]):
                    await self.start(slot.at)
            case Action.REPLACE:
                if await self.take([slot]) and await self._cancelled(cancel, slot.at):
                    await self.start(slot.at)

    async def take(self, wanted: list[Slot], *, backfill: bool = False) -> list[datetime]:
        """Take slots for a run each; returns those that were free, oldest first."""
        rows = await statement("take_slots").fetch(
            self._connection,
            schedule=self._name,
            slots=[slot.at for slot in wanted],
            details=[slot.note or None for slot in wanted],
            backfill=backfill,
        )
        free = sorted(row["slot"] for row in rows)
        self._waiting.update(free)
        return free

    async def start(self, slot: datetime, *, refusable: bool = True) -> None:
        """Start the run of a slot that was taken, or (`refusable`) write down why it cannot be started."""
        try:
            async with self._connection.transaction():
                run_id = await self._start(
                    self._connection,
                    self._row["workflow"],
                    document.parse(self._row["input"], max_bytes=INPUT_BYTES),
                    tags=self._row["tags"],
                    schedule=self._name,
                    slot=slot,
                )
        except (EasyFlowError, *UNFIT) as refused:
            if not refusable or _may_pass(refused):
                raise
            why = _said(refused)
            self.ticked.refused.append(Refused(slot, why))
            await self._settle(slot, "refused", why)
        else:
            self.ticked.started.append(run_id)
            await self._settle(slot, "started", None, run_id)

    async def _skip(self, slot: Slot) -> None:
        if slot.at in self._waiting:
            await self._settle(slot.at, "skipped", slot.note)
            return
        await statement("record_slot").fetch(
            self._connection,
            schedule=self._name,
            slot=slot.at,
            last_slot=None,
            slots=None,
            outcome="skipped",
            detail=slot.note,
        )

    async def _cancelled(self, cancel: Cancel, slot: datetime) -> bool:
        """Cancel the runs that are live; returns whether all of them are over."""
        for row in await _live(self._connection, self._name, MOST_LIVE):
            try:
                async with self._connection.transaction():
                    await cancel(
                        self._connection,
                        row["id"],
                        reason=f"replaced by the run of {self._name} for {slot.isoformat()}",
                    )
            except (Conflict, Missing):
                continue  # it was over before its lock was had
        return not await _live(self._connection, self._name, 1)

    async def _settle(self, slot: datetime, outcome: str, detail: str | None, run_id: UUID | None = None) -> None:
        await statement("settle_slot").fetch(
            self._connection, schedule=self._name, slot=slot, run_id=run_id, outcome=outcome, detail=detail
        )
        self._waiting.discard(slot)


async def _facts(connection: Connection, row: asyncpg.Record) -> Facts:
    """Read what stands behind the lock, in statements that began after it was had."""
    waiting = await statement("read_waiting_slots").fetch(connection, schedule=row["name"], max_slots=MOST_WAITING)
    return Facts(
        timing=timing_of(row),
        next_slot=row["next_slot"],
        overlap=Overlap(row["overlap"]),
        catch_up=CatchUp(row["catch_up"]),
        catch_up_limit=row["catch_up_limit"],
        live=bool(await _live(connection, row["name"], 1)),
        waiting=tuple(Waiting(each["slot"], each["backfill"]) for each in waiting),
        waiting_count=len(waiting),
    )


async def _live(connection: Connection, name: str, limit: int) -> list[asyncpg.Record]:
    return await statement("find_live_runs").fetch(connection, schedule=name, max_runs=limit)


def _may_pass(refused: Exception) -> bool:
    """Whether the next attempt may succeed: also where two runs took one key at the same moment."""
    return getattr(refused, "retryable", False) or isinstance(refused, asyncpg.UniqueViolationError)


def _said(refused: Exception) -> str:
    if not isinstance(refused, EasyFlowError):
        return str(refused).partition("\n")[0]  # what follows may hold values of the row
    problems = refused.problems if isinstance(refused, Invalid) else []
    return "; ".join([refused.message, *(f"{each['at']}: {each['message']}" for each in problems)])

"""Backfilling a schedule: a person asks for the runs of slots that passed without one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from easyflow.domain.due import AN_INSTANT, Overlap
from easyflow.domain.schedule import slots
from easyflow.errors import Invalid
from easyflow.storage.runs.acts import Caller
from easyflow.storage.schedules import lock, timing_of
from easyflow.storage.slots import Start, Turn
from easyflow.storage.sql import Connection, statement

MOST_BACKFILLED = 1000
LONGEST_RANGE = 10_000


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill did with `slots`: runs started, slots that wait; with `more`, its limit left some out."""

    slots: list[datetime]
    started: list[UUID]
    waiting: int
    more: bool


async def backfill(
    connection: Connection,
    name: str,
    first: datetime,
    last: datetime,
    start: Start,
    caller: Caller,
    *,
    limit: int = MOST_BACKFILLED,
    dry_run: bool = False,
) -> Backfilled:
    """Start a run for each slot from `first` to `last` that has none, oldest first, in the caller's transaction.

    Slots that are still to come are left to the schedule. Where runs may not overlap, the slots wait and start one
    after the other, when none is live. The same range again adds nothing; a `dry_run` only tells the slots. Raises
    Missing, Invalid for a range that is empty or has more than 10,000 slots, and what `start` raises: then nothing is
    stored.
    """
    if not 1 <= limit <= MOST_BACKFILLED:
        raise _invalid("limit", f"give a number from 1 to {MOST_BACKFILLED}")
    if first > last:
        raise _invalid("until", "the range ends before it begins")
    row = await lock(connection, name)
    end = min(last, row["now"], *([row["next_slot"] - AN_INSTANT] if row["next_slot"] else []))
    wanted = slots(timing_of(row), first - AN_INSTANT, end, LONGEST_RANGE + 1)
    if len(wanted) > LONGEST_RANGE:
        raise _invalid("until", f"the range has more than {LONGEST_RANGE} slots; backfill it in parts")
    rows = await statement("read_taken_slots").fetch(connection, schedule=name, first=first, last=last)
    taken = {each["slot"] for each in rows}
    missing = [slot for slot in wanted if slot.at not in taken]
    if dry_run:
        return Backfilled([slot.at for slot in missing[:limit]], [], 0, len(missing) > limit)
    turn = Turn(connection, row, start, set())
    chosen = await turn.take(missing[:limit], backfill=True)
    if row["overlap"] == Overlap.ALLOW:
        for slot in chosen:
            await turn.start(slot, refusable=False)
    done = Backfilled(chosen, turn.ticked.started, len(chosen) - len(turn.ticked.started), len(missing) > limit)
    await _audit_backfill(connection, name, (first, end), done, caller)
    return done


def _invalid(place: str, message: str) -> Invalid:
    return Invalid(message, [{"at": place, "message": message}])


async def _audit_backfill(
    connection: Connection, name: str, stretch: tuple[datetime, datetime], done: Backfilled, caller: Caller
) -> None:
    said = {"from": stretch[0].isoformat(), "until": stretch[1].isoformat(), "started": len(done.started)}
    await statement("record_audit").fetch(
        connection,
        actor=caller.actor,
        act="backfill schedule",
        object_kind="schedule",
        object_id=name,
        reason=caller.reason,
        before=None,
        after=json.dumps({**said, "waiting": done.waiting}),
        request_id=caller.request_id,
    )

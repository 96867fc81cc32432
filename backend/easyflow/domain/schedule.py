"""When a schedule is due: cron in a time zone, an interval or one time, as slots in UTC, also across clock changes.

Cron has five fields (minute, hour, day of the month, month, day of the week), or is a short form such as `@daily`.
The library cronsim reads it with the rules of Debian's cron: `L`, `LW` and `MON#2` are understood, and when neither
day field begins with `*`, one of the two must match, else both. It finds the local times; what becomes of them on the
days when the clock changes is decided here, after Debian's cron as well:

* A time of day (neither minute nor hour begins with `*`) runs once on each day it is meant for. One that does not
  exist, because the clock goes forward over it, runs at the first minute that does: `30 2 * * *` at 03:00 in Berlin.
  Several that end up at one instant are one slot. One that comes twice runs the first time only.
* A rhythm (minute or hour begins with `*`) follows real time. Local times that do not exist are left out, which the
  next slot says; times that come twice run both times: `0 * * * *` runs every hour, 24 times in 24 hours.

cronsim has clock changes of its own and is not asked for them: begun between the two turns of an hour it gives times
that lie in the past, it gives one instant twice where two local times move there, and it loses times in zones that
change by half an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from heapq import heappop, heappush
from itertools import count, islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from easyflow.domain.timing import HORIZON, Cron, Every, Once, Timing, expression_of, zone_of

ONE_DAY = timedelta(days=1)
ONE_MINUTE = timedelta(minutes=1)


class Change(StrEnum):
    """What a change of the clock does to a slot."""

    GAP = "gap"  # its local time, or others right before it, do not exist on that day
    OVERLAP = "overlap"  # its local time comes twice on that day


@dataclass(frozen=True, slots=True)
class Slot:
    """An instant (UTC) at which a schedule is due; `note` says what the change of the clock does to it."""

    at: datetime
    change: Change | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A slot as people read it: `local` is the time on the wall, such as "Sun 2026-03-29 03:00:00 CEST"."""

    at: datetime
    local: str
    change: Change | None
    note: str


def upcoming(timing: Timing, after: datetime) -> Iterator[Slot]:
    """Give the slots behind `after`, itself left out, oldest first; endless, or until the calendar ends."""
    match timing:
        case Once(at):
            return iter([Slot(at)] if at > after else [])
        case Every(seconds, start):
            step = timedelta(seconds=seconds)
            first = max(0, (after - start) // step + 1)
            instants = (start + step * n for n in count(first))
            return (Slot(at) for at in takewhile(lambda at: at < HORIZON, instants))
        case Cron():
            return _distinct(_cron_slots(timing, after))


def slots(timing: Timing, after: datetime, until: datetime, limit: int | None = None) -> list[Slot]:
    """Return the slots behind `after`, itself left out, up to `until`, itself included; the `limit` oldest of them."""
    return list(islice(takewhile(lambda slot: slot.at <= until, upcoming(timing, after)), limit))


def newest(timing: Timing, after: datetime, until: datetime, limit: int) -> list[Slot]:
    """Return the `limit` newest of `slots(timing, after, until)`, oldest first, without looking at all of them."""
    width = timedelta(seconds=timing.seconds * limit) if isinstance(timing, Every) else timedelta(hours=1)
    while until - after > width:
        found = slots(timing, until - width, until)
        if len(found) >= limit:
            return found[-limit:]
        width *= 2
    return slots(timing, after, until)[-limit:]


def number_of(timing: Timing, after: datetime, until: datetime, most: int) -> int | None:
    """Count `slots(timing, after, until)`; None when a cron has more than `most` of them."""
    if isinstance(timing, Every):
        step = timedelta(seconds=timing.seconds)
        return max(0, (until - timing.start) // step + 1) - max(0, (after - timing.start) // step + 1)
    found = len(slots(timing, after, until, most + 1))
    return found if found <= most else None


def preview(timing: Timing, now: datetime, limit: int = 10) -> list[Shown]:
    """Return the next slots behind `now` as people read them, with what clock changes do to them."""
    zone = zone_of(timing) if isinstance(timing, Cron) else UTC
    return [
        Shown(slot.at, f"{slot.at.astimezone(zone):%a %Y-%m-%d %H:%M:%S %Z}", slot.change, slot.note)
        for slot in islice(upcoming(timing, now), limit)
    ]


def _cron_slots(cron: Cron, after: datetime) -> Iterator[Slot]:
    """Give the slots in order; the same instant may come several times in a row."""
    if after > HORIZON:
        return
    zone = zone_of(cron)
    expression = expression_of(cron)
    place = _once_a_day if not any(field.startswith("*") for field in expression.split()[:2]) else _in_real_time
    left_out: list[datetime] = []
    known: list[tuple[datetime, int, Slot]] = []
    order = count()
    for local in _local_times(expression, _begin(zone, after)):
        found = place(local, zone)
        if not found:
            left_out.append(local)
            continue
        if left_out:
            found = [Slot(found[0].at, Change.GAP, _left_out(left_out, zone)), *found[1:]]
            left_out = []
        for slot in found:
            if slot.at > after:
                heappush(known, (slot.at, next(order), slot))
        # Later local times may come before the second turn of this one, none before its first.
        while known and known[0][0] <= found[0].at:
            yield heappop(known)[2]
    while known:
        yield heappop(known)[2]


def _distinct(found: Iterator[Slot]) -> Iterator[Slot]:
    last: datetime | None = None
    for slot in found:
        if slot.at != last:
            last = slot.at
            yield slot


def _begin(zone: ZoneInfo, after: datetime) -> datetime:
    """Return the local time to look behind: in the first turn of an hour that comes twice, the hour before."""
    offsets = [instant.astimezone(zone).utcoffset() or timedelta() for instant in (after, after + ONE_DAY)]
    return after.replace(tzinfo=None) + min(offsets)


def _local_times(expression: str, after: datetime) -> Iterator[datetime]:
    return takewhile(lambda local: local.year < HORIZON.year, CronSim(expression, after))


def _turns(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants (UTC) at which clocks of the zone show a time: none, one or two."""
    both = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    if both[0].astimezone(zone).replace(tzinfo=None) != local:
        return []
    return both if both[0] != both[1] else both[:1]


def _once_a_day(local: datetime, zone: ZoneInfo) -> list[Slot]:
    turns = _turns(local, zone)
    if len(turns) == 1:
        return [Slot(turns[0])]
    said = f"{local:%Y-%m-%d %H:%M} in {zone}"
    if turns:
        return [Slot(turns[0], Change.OVERLAP, f"{said} comes twice; it runs once, the first time")]
    moved = local
    while not turns:
        moved += ONE_MINUTE
        turns = _turns(moved, zone)
    return [Slot(turns[0], Change.GAP, f"{said} does not exist; it runs at {moved:%H:%M}")]


def _in_real_time(local: datetime, zone: ZoneInfo) -> list[Slot]:
    turns = _turns(local, zone)
    if len(turns) < 2:
        return [Slot(turn) for turn in turns]
    said = f"{local:%Y-%m-%d %H:%M} in {zone} comes twice, and it runs both times; this is the"
    return [Slot(turns[0], Change.OVERLAP, f"{said} first"), Slot(turns[1], Change.OVERLAP, f"{said} second")]


def _left_out(times: list[datetime], zone: ZoneInfo) -> str:
    if len(times) == 1:
        return f"{times[0]:%Y-%m-%d %H:%M} in {zone} does not exist and is left out"
    return f"{times[0]:%Y-%m-%d %H:%M} to {times[-1]:%H:%M} in {zone} do not exist and are left out"

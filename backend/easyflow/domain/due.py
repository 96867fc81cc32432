"""What a schedule does with the slots that are due: which start, which wait, which are passed over, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from easyflow.domain.schedule import Slot, newest, number_of, slots
from easyflow.domain.timing import Timing

# A slot begun within this time is on time: schedulers look several times a second, but a restart takes a moment.
ON_TIME = timedelta(seconds=60)
MOST_WAITING = 1000
MOST_CAUGHT_UP = 1000
COUNTED_AT_MOST = 5000
AN_INSTANT = timedelta(microseconds=1)


class Overlap(StrEnum):
    """What becomes of a slot while a run of the same schedule is live."""

    SKIP = "skip"  # passed over
    QUEUE = "queue"  # waits, and starts when no run is live any more: one after the other, none left out
    ALLOW = "allow"  # starts all the same
    CANCEL = "cancel"  # that run is cancelled, and this one starts as soon as it is over


class CatchUp(StrEnum):
    """What becomes of slots that came while nothing could start them, more than a minute ago."""

    NONE = "none"  # they are missed
    LAST = "last"  # of everything that is due now only the newest slot starts
    ALL = "all"  # the newest `catch_up_limit` of them start, oldest first


class Action(StrEnum):
    """What to do with a slot."""

    START = "start"  # now; it may be one that waited
    REPLACE = "replace"  # cancel what is live, start at once when that is over, else let it wait
    QUEUE = "queue"  # let it wait
    SKIP = "skip"  # write down that it was passed over
    MISS = "miss"  # write down that these slots were missed: all from `slot` to `last`


@dataclass(frozen=True, slots=True)
class Waiting:
    """A slot that waits until no run of its schedule is live; one of a backfill was asked for by a person."""

    slot: datetime
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """A schedule as it is now; `waiting` are the oldest slots that wait, `waiting_count` how many there are."""

    timing: Timing
    next_slot: datetime | None
    overlap: Overlap
    catch_up: CatchUp
    catch_up_limit: int
    live: bool
    waiting: tuple[Waiting, ...] = ()
    waiting_count: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with one slot, or (MISS) with `count` of them; `count` is None when there are more than 5000."""

    action: Action
    slot: datetime
    note: str = ""
    last: datetime | None = None
    count: int | None = None


def due(facts: Facts, now: datetime) -> list[Decision]:
    """Decide about every slot up to `now`, in the order in which it is to be done; what waits comes after it.

    Slots of a backfill wait too, unless runs may overlap: they start when nothing else does.
    """
    missed, fresh = _made_up(facts, now)
    match facts.overlap:
        case Overlap.ALLOW:
            decided = [Decision(Action.START, each.slot) for each in facts.waiting]
            decided += [Decision(Action.START, slot.at, slot.note) for slot in fresh]
        case Overlap.SKIP:
            decided = _skipping(facts, fresh)
        case Overlap.QUEUE:
            decided = _queueing(facts, fresh)
        case Overlap.CANCEL:
            decided = _replacing(facts, fresh)
    return missed + decided


def passed_over(timing: Timing, next_slot: datetime | None, now: datetime, why: str) -> list[Decision]:
    """Write down that everything from `next_slot` up to `now` was missed, and why; empty when nothing was."""
    if next_slot is None or next_slot > now:
        return []
    return _missed(timing, next_slot, now, why)


def _made_up(facts: Facts, now: datetime) -> tuple[list[Decision], list[Slot]]:
    """Part what is due: what was missed for good, and what is to be started, oldest first."""
    if facts.next_slot is None or facts.next_slot > now:
        return [], []
    before = facts.next_slot - AN_INSTANT
    on_time_from = max(before, now - ON_TIME - AN_INSTANT)
    if facts.next_slot > on_time_from:
        return [], slots(facts.timing, before, now)
    match facts.catch_up:
        case CatchUp.NONE:
            fresh = slots(facts.timing, on_time_from, now)
            why = "nothing could start it in time, and missed slots are not made up for"
        case CatchUp.LAST:
            fresh = newest(facts.timing, before, now, 1)
            why = "nothing could start it in time, and only the last missed slot is made up for"
        case CatchUp.ALL:
            fresh = newest(facts.timing, before, on_time_from, facts.catch_up_limit)
            fresh += slots(facts.timing, on_time_from, now)
            why = f"nothing could start it in time, and at most {facts.catch_up_limit} missed slots are made up for"
    missed_until = fresh[0].at - AN_INSTANT if fresh else now
    return _missed(facts.timing, facts.next_slot, missed_until, why), fresh


def _missed(timing: Timing, first: datetime, until: datetime, why: str) -> list[Decision]:
    last = newest(timing, first - AN_INSTANT, until, 1)
    if not last:
        return []
    count = number_of(timing, first - AN_INSTANT, until, COUNTED_AT_MOST)
    return [Decision(Action.MISS, first, why, last[0].at, count)]


def _skipping(facts: Facts, fresh: list[Slot]) -> list[Decision]:
    decided = []
    live = facts.live
    for slot in fresh:
        if live:
            decided.append(Decision(Action.SKIP, slot.at, "a run of this schedule was still live"))
        else:
            decided.append(Decision(Action.START, slot.at, slot.note))
            live = True
    if not live and facts.waiting:
        decided.append(Decision(Action.START, facts.waiting[0].slot))
    return decided


def _queueing(facts: Facts, fresh: list[Slot]) -> list[Decision]:
    room = max(0, MOST_WAITING - facts.waiting_count)
    decided = [Decision(Action.QUEUE, slot.at, slot.note) for slot in fresh[:room]]
    full = f"{MOST_WAITING} slots wait already"
    decided += [Decision(Action.SKIP, slot.at, full) for slot in fresh[room:]]
    first = facts.waiting[0].slot if facts.waiting else decided[0].slot if decided else None
    if not facts.live and first is not None:
        decided.append(Decision(Action.START, first))
    return decided


def _replacing(facts: Facts, fresh: list[Slot]) -> list[Decision]:
    waiting = [each.slot for each in facts.waiting]
    if not fresh:
        return [Decision(Action.START, waiting[0])] if waiting and not facts.live else []
    *older, newer = fresh
    overtaken = [each.slot for each in facts.waiting if not each.backfill] + [slot.at for slot in older]
    why = f"the slot {newer.at:%Y-%m-%d %H:%M:%S} UTC came before it could start"
    decided = [Decision(Action.SKIP, slot, why) for slot in overtaken]
    return [*decided, Decision(Action.REPLACE if facts.live else Action.START, newer.at, newer.note)]

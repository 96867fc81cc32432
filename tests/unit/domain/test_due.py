"""What a schedule does with slots that are due: overlap, catching up, and no slot left without a word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyflow.domain.due import (
    COUNTED_AT_MOST,
    MOST_WAITING,
    Action,
    CatchUp,
    Decision,
    Facts,
    Overlap,
    Waiting,
    due,
    passed_over,
)
from easyflow.domain.schedule import slots
from easyflow.domain.timing import Cron, Every

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOURLY = Cron("0 * * * *")
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def facts(**said: object) -> Facts:
    """An hourly schedule whose next slot is at noon; give what matters to the test."""
    usual = Facts(HOURLY, NOON, Overlap.SKIP, CatchUp.LAST, 100, live=False)
    return replace(usual, **said)  # type: ignore[arg-type]


def told(decided: list[Decision]) -> list[tuple[str, datetime]]:
    return [(each.action.value, each.slot) for each in decided]


def test_nothing_is_due_before_the_next_slot() -> None:
    assert due(facts(), NOON - SECOND) == []
    assert due(facts(next_slot=None), NOON) == []


@pytest.mark.parametrize("catch_up", CatchUp)
@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=60)])
def test_a_slot_of_the_last_minute_is_on_time_whatever_is_made_up_for(catch_up: CatchUp, late: timedelta) -> None:
    assert told(due(facts(catch_up=catch_up), NOON + late)) == [("start", NOON)]


@pytest.mark.parametrize("catch_up", CatchUp)
def test_every_slot_of_the_last_minute_is_on_time(catch_up: CatchUp) -> None:
    often = facts(timing=Every(20, NOON), catch_up=catch_up, overlap=Overlap.ALLOW)
    assert told(due(often, NOON + 60 * SECOND)) == [("start", NOON + n * 20 * SECOND) for n in range(4)]


# At 15:30 those of 12:00 to 15:00 are late, at 15:00:30 those of 12:00 to 14:00 are and that of 15:00 is on time.
AT_15_30, AT_15_00 = NOON + 3.5 * HOUR, NOON + 3 * HOUR + 30 * SECOND


@pytest.mark.parametrize(
    ("catch_up", "limit", "now", "decided"),
    [
        (CatchUp.NONE, 100, AT_15_30, [("miss", 0)]),
        (CatchUp.NONE, 100, AT_15_00, [("miss", 0), ("start", 3)]),
        (CatchUp.LAST, 100, AT_15_30, [("miss", 0), ("start", 3)]),
        (CatchUp.LAST, 100, AT_15_00, [("miss", 0), ("start", 3)]),
        (CatchUp.ALL, 100, AT_15_30, [("start", 0), ("start", 1), ("start", 2), ("start", 3)]),
        (CatchUp.ALL, 2, AT_15_30, [("miss", 0), ("start", 2), ("start", 3)]),
        (CatchUp.ALL, 2, AT_15_00, [("miss", 0), ("start", 1), ("start", 2), ("start", 3)]),
    ],
)
def test_late_slots_are_made_up_for_as_the_schedule_says(
    catch_up: CatchUp, limit: int, now: datetime, decided: list[tuple[str, int]]
) -> None:
    asked = facts(catch_up=catch_up, catch_up_limit=limit, overlap=Overlap.ALLOW)
    assert told(due(asked, now)) == [(action, NOON + hours * HOUR) for action, hours in decided]


@pytest.mark.parametrize(
    ("catch_up", "last", "count", "why"),
    [
        (CatchUp.NONE, 3, 4, "nothing could start it in time, and missed slots are not made up for"),
        (CatchUp.LAST, 2, 3, "nothing could start it in time, and only the last missed slot is made up for"),
        (CatchUp.ALL, 1, 2, "nothing could start it in time, and at most 2 missed slots are made up for"),
    ],
)
def test_what_is_missed_is_written_down_with_its_number_and_why(
    catch_up: CatchUp, last: int, count: int, why: str
) -> None:
    missed = due(facts(catch_up=catch_up, catch_up_limit=2), AT_15_30)[0]
    assert missed == Decision(Action.MISS, NOON, why, NOON + last * HOUR, count)


def test_more_missed_slots_of_a_cron_than_can_be_counted_are_many() -> None:
    minutely = facts(timing=Cron("* * * * *"), catch_up=CatchUp.NONE)
    missed = due(minutely, NOON + timedelta(minutes=COUNTED_AT_MOST + 2))[0]
    assert (missed.count, missed.last) == (None, NOON + timedelta(minutes=COUNTED_AT_MOST))
    secondly = facts(timing=Every(1, NOON), catch_up=CatchUp.NONE)
    assert due(secondly, NOON + timedelta(days=300))[0].count == 300 * 86_400 - 60


def test_a_live_run_makes_the_next_slot_be_skipped_with_a_reason() -> None:
    (skipped,) = due(facts(live=True), NOON)
    assert (skipped.action, skipped.note) == (Action.SKIP, "a run of this schedule was still live")
    assert told(due(facts(live=True, overlap=Overlap.ALLOW), NOON)) == [("start", NOON)]


def test_of_several_slots_that_may_not_overlap_the_first_starts() -> None:
    decided = due(facts(catch_up=CatchUp.ALL), AT_15_30)
    assert [action for action, _ in told(decided)] == ["start", "skip", "skip", "skip"]


def test_slots_that_queue_start_one_after_the_other_and_in_order() -> None:
    queue = facts(overlap=Overlap.QUEUE, catch_up=CatchUp.ALL)
    assert told(due(queue, NOON + HOUR)) == [("queue", NOON), ("queue", NOON + HOUR), ("start", NOON)]
    behind = replace(queue, waiting=(Waiting(NOON - HOUR),), waiting_count=1)
    assert told(due(behind, NOON)) == [("queue", NOON), ("start", NOON - HOUR)]
    assert told(due(replace(behind, live=True), NOON)) == [("queue", NOON)]
    assert told(due(behind, NOON - SECOND)) == [("start", NOON - HOUR)]


def test_a_queue_that_is_full_takes_no_more_and_says_so() -> None:
    full = facts(overlap=Overlap.QUEUE, live=True, waiting=(Waiting(NOON - HOUR),), waiting_count=MOST_WAITING)
    (skipped,) = due(full, NOON)
    assert (skipped.action, skipped.note) == (Action.SKIP, "1000 slots wait already")


def test_a_slot_replaces_what_is_live() -> None:
    cancel = facts(overlap=Overlap.CANCEL)
    assert told(due(cancel, NOON)) == [("start", NOON)]
    assert told(due(replace(cancel, live=True), NOON)) == [("replace", NOON)]


def test_a_slot_overtakes_those_that_had_not_started_yet_and_says_so() -> None:
    waits = facts(
        overlap=Overlap.CANCEL,
        catch_up=CatchUp.ALL,
        live=True,
        waiting=(Waiting(NOON - 9 * HOUR, backfill=True), Waiting(NOON - HOUR)),
    )
    decided = due(waits, NOON + HOUR)
    assert told(decided) == [("skip", NOON - HOUR), ("skip", NOON), ("replace", NOON + HOUR)]
    assert decided[0].note == "the slot 2026-06-01 13:00:00 UTC came before it could start"


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE, Overlap.CANCEL])
def test_a_slot_that_waits_starts_when_nothing_is_live(overlap: Overlap) -> None:
    waits = facts(overlap=overlap, waiting=(Waiting(NOON - HOUR, backfill=True), Waiting(NOON - SECOND)))
    assert told(due(waits, NOON - SECOND)) == [("start", NOON - HOUR)]
    assert due(replace(waits, live=True), NOON - SECOND) == []


def test_a_slot_of_the_schedule_goes_before_those_of_a_backfill() -> None:
    waits = facts(waiting=(Waiting(NOON - HOUR, backfill=True),))
    assert told(due(waits, NOON)) == [("start", NOON)]


def test_what_waited_starts_at_once_when_runs_may_overlap_now() -> None:
    waits = facts(overlap=Overlap.ALLOW, live=True, waiting=(Waiting(NOON - HOUR), Waiting(NOON - SECOND)))
    assert told(due(waits, NOON)) == [("start", NOON - HOUR), ("start", NOON - SECOND), ("start", NOON)]


def test_a_slot_that_starts_says_what_the_change_of_the_clock_did_to_it() -> None:
    at = datetime(2026, 3, 29, 1, tzinfo=UTC)
    (started,) = due(facts(timing=Cron("30 2 * * *", "Europe/Berlin"), next_slot=at), at)
    assert started.note == "2026-03-29 02:30 in Europe/Berlin does not exist; it runs at 03:00"


def test_what_is_passed_over_is_one_stretch_up_to_now() -> None:
    assert passed_over(HOURLY, NOON, NOON - SECOND, "paused") == []
    assert passed_over(HOURLY, None, NOON, "paused") == []
    (missed,) = passed_over(HOURLY, NOON, AT_15_30, "paused")
    assert missed == Decision(Action.MISS, NOON, "paused", NOON + 3 * HOUR, 4)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        [HOURLY, Cron("*/20 * * * *", "Europe/Berlin"), Every(400, NOON), Cron("30 2 * * *", "Europe/Berlin")]
    ),
    st.sampled_from(Overlap),
    st.sampled_from(CatchUp),
    st.integers(1, 5),
    st.booleans(),
    st.integers(0, 3 * 86_400),
)
def test_every_slot_that_is_due_is_decided_about_once(
    timing: Cron | Every, overlap: Overlap, catch_up: CatchUp, limit: int, live: bool, late_seconds: int
) -> None:
    first = slots(timing, NOON - SECOND, NOON + timedelta(days=2), 1)[0].at
    now = first + late_seconds * SECOND
    decided = due(Facts(timing, first, overlap, catch_up, limit, live), now)
    queued = {each.slot for each in decided if each.action is Action.QUEUE}
    single = [each for each in decided if each.action is not Action.MISS]
    spoken = sorted({each.slot for each in single})
    assert len(single) == len(spoken) + len(queued & {each.slot for each in single if each.action is Action.START})
    stretch = [each for each in decided if each.action is Action.MISS]
    missed = [slot.at for each in stretch for slot in slots(timing, each.slot - SECOND, each.last or each.slot)]
    assert [each.count for each in stretch] == ([len(missed)] if missed else [])
    assert missed + spoken == [slot.at for slot in slots(timing, first - SECOND, now)]

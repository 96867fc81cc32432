"""Slots of a schedule, above all on the days when the clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from easyflow.domain.schedule import Change, newest, number_of, preview, slots, upcoming
from easyflow.domain.timing import Cron, Every, Once, Timing

MINUTE = timedelta(minutes=1)
SPRING = {"Europe/Berlin": datetime(2026, 3, 29, tzinfo=UTC), "America/New_York": datetime(2026, 3, 8, tzinfo=UTC)}
AUTUMN = {"Europe/Berlin": datetime(2026, 10, 25, tzinfo=UTC), "America/New_York": datetime(2026, 11, 1, tzinfo=UTC)}
NIGHTS = {"spring": SPRING, "autumn": AUTUMN}

# From midnight to five on the night of the change; the offset tells the two turns of an hour apart.
BY_NIGHT = {
    ("spring", "Europe/Berlin", "30 2 * * *"): ["03:00+0200 gap"],
    ("spring", "Europe/Berlin", "30 1 * * *"): ["01:30+0100"],
    ("spring", "Europe/Berlin", "*/15 * * * *"): [
        "00:00+0100", "00:15+0100", "00:30+0100", "00:45+0100", "01:00+0100", "01:15+0100", "01:30+0100", "01:45+0100",
        "03:00+0200 gap", "03:15+0200", "03:30+0200", "03:45+0200", "04:00+0200", "04:15+0200", "04:30+0200",
        "04:45+0200",
    ],
    ("spring", "Europe/Berlin", "0 * * * *"): ["00:00+0100", "01:00+0100", "03:00+0200 gap", "04:00+0200"],
    ("spring", "America/New_York", "30 2 * * *"): ["03:00-0400 gap"],
    ("spring", "America/New_York", "30 1 * * *"): ["01:30-0500"],
    ("spring", "America/New_York", "*/15 * * * *"): [
        "00:00-0500", "00:15-0500", "00:30-0500", "00:45-0500", "01:00-0500", "01:15-0500", "01:30-0500", "01:45-0500",
        "03:00-0400 gap", "03:15-0400", "03:30-0400", "03:45-0400", "04:00-0400", "04:15-0400", "04:30-0400",
        "04:45-0400",
    ],
    ("spring", "America/New_York", "0 * * * *"): ["00:00-0500", "01:00-0500", "03:00-0400 gap", "04:00-0400"],
    ("autumn", "Europe/Berlin", "30 2 * * *"): ["02:30+0200 overlap"],
    ("autumn", "Europe/Berlin", "30 1 * * *"): ["01:30+0200"],
    ("autumn", "Europe/Berlin", "*/15 * * * *"): [
        "00:00+0200", "00:15+0200", "00:30+0200", "00:45+0200", "01:00+0200", "01:15+0200", "01:30+0200", "01:45+0200",
        "02:00+0200 overlap", "02:15+0200 overlap", "02:30+0200 overlap", "02:45+0200 overlap",
        "02:00+0100 overlap", "02:15+0100 overlap", "02:30+0100 overlap", "02:45+0100 overlap",
        "03:00+0100", "03:15+0100", "03:30+0100", "03:45+0100", "04:00+0100", "04:15+0100", "04:30+0100", "04:45+0100",
    ],
    ("autumn", "Europe/Berlin", "0 * * * *"): [
        "00:00+0200", "01:00+0200", "02:00+0200 overlap", "02:00+0100 overlap", "03:00+0100", "04:00+0100",
    ],
    ("autumn", "America/New_York", "30 2 * * *"): ["02:30-0500"],
    ("autumn", "America/New_York", "30 1 * * *"): ["01:30-0400 overlap"],
    ("autumn", "America/New_York", "*/15 * * * *"): [
        "00:00-0400", "00:15-0400", "00:30-0400", "00:45-0400", "01:00-0400 overlap", "01:15-0400 overlap",
        "01:30-0400 overlap", "01:45-0400 overlap", "01:00-0500 overlap", "01:15-0500 overlap", "01:30-0500 overlap",
        "01:45-0500 overlap", "02:00-0500", "02:15-0500", "02:30-0500", "02:45-0500", "03:00-0500", "03:15-0500",
        "03:30-0500", "03:45-0500", "04:00-0500", "04:15-0500", "04:30-0500", "04:45-0500",
    ],
    ("autumn", "America/New_York", "0 * * * *"): [
        "00:00-0400", "01:00-0400 overlap", "01:00-0500 overlap", "02:00-0500", "03:00-0500", "04:00-0500",
    ],
}  # fmt: skip


def night(season: str, zone: str) -> tuple[datetime, datetime]:
    """From midnight, itself included, to five, itself left out."""
    day = NIGHTS[season][zone].replace(tzinfo=ZoneInfo(zone))
    second = timedelta(seconds=1)
    return day.astimezone(UTC) - second, day.replace(hour=5).astimezone(UTC) - second


@pytest.mark.parametrize(("season", "zone", "expression"), BY_NIGHT)
def test_the_slots_of_a_night_in_which_the_clock_changes(season: str, zone: str, expression: str) -> None:
    found = slots(Cron(expression, zone), *night(season, zone))
    shown = [f"{slot.at.astimezone(ZoneInfo(zone)):%H:%M%z} {slot.change or ''}".rstrip() for slot in found]
    assert shown == BY_NIGHT[season, zone, expression]


@pytest.mark.parametrize(
    ("season", "expression", "note"),
    [
        ("spring", "30 2 * * *", "2026-03-29 02:30 in Europe/Berlin does not exist; it runs at 03:00"),
        ("spring", "0 * * * *", "2026-03-29 02:00 in Europe/Berlin does not exist and is left out"),
        ("spring", "*/15 * * * *", "2026-03-29 02:00 to 02:45 in Europe/Berlin do not exist and are left out"),
        ("autumn", "30 2 * * *", "2026-10-25 02:30 in Europe/Berlin comes twice; it runs once, the first time"),
    ],
)
def test_a_slot_says_what_the_change_of_the_clock_does_to_it(season: str, expression: str, note: str) -> None:
    found = slots(Cron(expression, "Europe/Berlin"), *night(season, "Europe/Berlin"))
    assert [slot.note for slot in found if slot.change] == [note]


def test_a_rhythm_says_which_turn_of_an_hour_a_slot_is_in() -> None:
    first, second = (
        slot.note
        for slot in slots(Cron("0 * * * *", "Europe/Berlin"), *night("autumn", "Europe/Berlin"))
        if slot.change is Change.OVERLAP
    )
    said = "2026-10-25 02:00 in Europe/Berlin comes twice, and it runs both times; this is the"
    assert (first, second) == (f"{said} first", f"{said} second")


@pytest.mark.parametrize("zone", SPRING)
@pytest.mark.parametrize("season", NIGHTS)
def test_a_job_of_every_night_runs_once_on_each_day_whatever_the_clock_does(season: str, zone: str) -> None:
    midnight = NIGHTS[season][zone].replace(tzinfo=ZoneInfo(zone))
    after, until = ((midnight + timedelta(days=n)).astimezone(UTC) for n in (-2, 3))
    for hour in ("1", "2", "3"):
        found = slots(Cron(f"30 {hour} * * *", zone), after, until)
        dates = [slot.at.astimezone(ZoneInfo(zone)).date() for slot in found]
        assert len(dates) == len(set(dates)) == 5


def test_local_times_that_move_to_one_instant_are_one_slot() -> None:
    after, until = night("spring", "Europe/Berlin")
    found = slots(Cron("0,20,40 2,3 * * *", "Europe/Berlin"), after, until)
    assert [f"{slot.at.astimezone(ZoneInfo('Europe/Berlin')):%H:%M}" for slot in found] == ["03:00", "03:20", "03:40"]


def test_a_rhythm_within_an_hour_that_does_not_exist_waits_for_the_next_day_and_says_so() -> None:
    after, _ = night("spring", "Europe/Berlin")
    first = next(upcoming(Cron("*/15 2 * * *", "Europe/Berlin"), after))
    assert first.at == datetime(2026, 3, 30, 0, tzinfo=UTC)
    assert first.note == "2026-03-29 02:00 to 02:45 in Europe/Berlin do not exist and are left out"


def test_a_look_between_the_two_turns_of_an_hour_gives_nothing_that_has_passed() -> None:
    second_turn = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    (daily,) = slots(Cron("30 2 * * *", "Europe/Berlin"), second_turn, second_turn + timedelta(hours=30))
    assert daily.at == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    quarters = slots(Cron("*/15 * * * *", "Europe/Berlin"), second_turn, second_turn + timedelta(minutes=40))
    assert [slot.at.minute for slot in quarters] == [15, 30, 45]


def test_a_look_in_the_first_turn_of_an_hour_finds_the_second() -> None:
    first_turn = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)  # 02:50 for the first time
    found = slots(Cron("*/15 * * * *", "Europe/Berlin"), first_turn, first_turn + timedelta(minutes=45))
    assert [(slot.at.hour, slot.at.minute) for slot in found] == [(1, 0), (1, 15), (1, 30)]


# Changes by an hour, by half an hour, at midnight, on the southern half; and one zone without any.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 29, 21, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 6, 1, tzinfo=UTC)),
]
FIELD_MINUTES = st.one_of(st.sampled_from(["*", "*/7", "*/30"]), st.integers(0, 59).map(str), st.just("0,15,40"))
FIELD_HOURS = st.one_of(st.sampled_from(["*", "*/3"]), st.sampled_from(["0", "1", "2", "3", "0-4", "23", "1,2"]))


def numbers(field: str, most: int) -> set[int]:
    if field.startswith("*"):
        return set(range(0, most, int(field.partition("/")[2] or 1)))
    low, _, high = field.partition("-")
    return set(range(int(low), int(high) + 1)) if high else {int(each) for each in field.split(",")}


@cache
def days_around(zone: str, change: datetime) -> list[tuple[datetime, datetime]]:
    """Every minute of five days: the instant, and what the clock on the wall shows."""
    first = change.replace(minute=0) - timedelta(days=2)
    instants = [first + n * MINUTE for n in range(5 * 24 * 60)]
    return [(each, each.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)) for each in instants]


def expected(expression: str, zone: str, change: datetime) -> list[datetime]:
    """The slots of five days, found by looking at every minute of real time, and of the wall."""
    minute, hour, *_ = expression.split()
    minutes, hours = numbers(minute, 60), numbers(hour, 24)
    around = days_around(zone, change)
    if minute.startswith("*") or hour.startswith("*"):
        return [instant for instant, wall in around if wall.minute in minutes and wall.hour in hours]
    first_turns: dict[datetime, datetime] = {}
    for instant, wall in around:
        first_turns.setdefault(wall, instant)
    found = set()
    for n in range((around[-1][1] - around[0][1]) // MINUTE):
        shown = wall = around[0][1] + n * MINUTE
        while shown not in first_turns:
            shown += MINUTE
        if wall.minute in minutes and wall.hour in hours:
            found.add(first_turns[shown])
    return sorted(found)


@settings(max_examples=120, deadline=None)
@given(FIELD_MINUTES, FIELD_HOURS, st.sampled_from(CHANGES), st.integers(-600, 300), st.integers(0, 59))
def test_the_slots_around_any_change_are_those_of_the_clock_on_the_wall(
    minute: str, hour: str, change: tuple[str, datetime], begin: int, second: int
) -> None:
    zone, at = change
    after = at + timedelta(minutes=begin, seconds=second)
    until = after + timedelta(hours=14)
    expression = f"{minute} {hour} * * *"
    found = [slot.at for slot in slots(Cron(expression, zone), after, until)]
    assert found == [each for each in expected(expression, zone, at) if after < each <= until]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["*/15 * * * *", "0 * * * *", "30 2 * * *", "0 3 L * *", "15 4 1 * MON", "5 4 * * 5L"]),
    st.sampled_from(["UTC", "Asia/Tokyo", "Europe/Berlin"]),
    st.integers(0, 90 * 24 * 3600),
)
def test_between_two_changes_the_slots_are_those_of_the_library(expression: str, zone: str, second: int) -> None:
    begin = datetime(2026, 5, 1, tzinfo=ZoneInfo(zone)) + timedelta(seconds=second)
    theirs = [each.astimezone(UTC) for each in islice(CronSim(expression, begin), 3)]
    ours = [slot.at for slot in islice(upcoming(Cron(expression, zone), begin.astimezone(UTC)), 3)]
    assert ours == theirs


TIMINGS: list[Timing] = [
    Cron("*/20 * * * *", "America/New_York"),
    Cron("30 2 * * *", "Europe/Berlin"),
    Cron("@monthly", "UTC"),
    Every(97, datetime(2026, 3, 1, tzinfo=UTC)),
    Once(datetime(2026, 3, 29, 5, tzinfo=UTC)),
]
MOMENTS = st.integers(0, 60 * 24 * 3600).map(lambda n: datetime(2026, 2, 20, tzinfo=UTC) + timedelta(seconds=n))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(TIMINGS), MOMENTS, st.timedeltas(timedelta(0), timedelta(days=9)), st.floats(0, 1))
def test_two_looks_that_meet_find_what_one_look_finds(
    timing: Timing, after: datetime, length: timedelta, part: float
) -> None:
    until, between = after + length, after + length * part
    whole = slots(timing, after, until)
    assert [slot.at for slot in slots(timing, after, between) + slots(timing, between, until)] == [
        slot.at for slot in whole
    ]
    instants = [slot.at for slot in whole]
    assert instants == sorted(set(instants))
    assert all(after < each <= until for each in instants)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(TIMINGS), MOMENTS, st.timedeltas(timedelta(0), timedelta(days=9)), st.integers(1, 40))
def test_the_newest_and_their_number_are_those_of_all(
    timing: Timing, after: datetime, length: timedelta, limit: int
) -> None:
    whole = slots(timing, after, after + length)
    assert [slot.at for slot in newest(timing, after, after + length, limit)] == [s.at for s in whole[-limit:]]
    counted = number_of(timing, after, after + length, 50)
    assert counted == (len(whole) if isinstance(timing, Every) or len(whole) <= 50 else None)


def test_an_interval_begins_at_its_start_and_keeps_its_pace() -> None:
    start = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    every = Every(3600, start)
    assert next(upcoming(every, start - timedelta(days=9))).at == start
    found = slots(every, start, start + timedelta(hours=3))
    assert [slot.at - start for slot in found] == [timedelta(hours=n) for n in (1, 2, 3)]


def test_a_single_time_comes_once() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert [slot.at for slot in upcoming(Once(at), at - MINUTE)] == [at]
    assert list(upcoming(Once(at), at)) == []


def test_time_ends_before_the_calendar_does() -> None:
    late = datetime(8999, 12, 31, 23, 59, 30, tzinfo=UTC)
    assert list(upcoming(Cron("@daily", "UTC"), late)) == []
    assert list(upcoming(Every(60, late), late)) == []
    assert list(upcoming(Cron("@daily", "UTC"), datetime.max.replace(tzinfo=UTC))) == []


def test_a_preview_shows_the_next_ten_slots_and_what_the_clock_does_to_them() -> None:
    shown = preview(Cron("30 2 * * *", "Europe/Berlin"), datetime(2026, 3, 27, 12, tzinfo=UTC))
    assert len(shown) == 10
    assert [(each.local, each.change) for each in shown[:3]] == [
        ("Sat 2026-03-28 02:30:00 CET", None),
        ("Sun 2026-03-29 03:00:00 CEST", Change.GAP),
        ("Mon 2026-03-30 02:30:00 CEST", None),
    ]
    assert shown[1].note.endswith("does not exist; it runs at 03:00")
    (once,) = preview(Once(datetime(2026, 1, 1, tzinfo=UTC)), datetime(2025, 1, 1, tzinfo=UTC))
    assert once.local == "Thu 2026-01-01 00:00:00 UTC"

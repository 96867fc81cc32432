"""What may be said of a schedule's times, and the words for what may not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easyflow.domain.timing import ALIASES, Cron, Every, Once, expression_of, read_timing
from easyflow.errors import Invalid

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SIX = "it has six fields; there are none for seconds: use every_seconds for what runs more than once a minute"
UNDERSTOOD = "; lists (1,2), ranges (1-5) and steps (*/5) are understood"

WRONG: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"cron": "60 * * * *"}, [("cron", "the minute must be from 0 to 59" + UNDERSTOOD)]),
    ({"cron": "0 24 * * *"}, [("cron", "the hour must be from 0 to 23" + UNDERSTOOD)]),
    (
        {"cron": "0 0 31 4 *"},
        [("cron", "the day of the month must be from 1 to 31, L or LW, and one that its months have" + UNDERSTOOD)],
    ),
    ({"cron": "0 0 1 13 *"}, [("cron", "the month must be from 1 to 12 or JAN to DEC" + UNDERSTOOD)]),
    (
        {"cron": "0 0 * * FUNDAY"},
        [("cron", "the day of the week must be from 0 to 7 or SUN to SAT, such as MON, MON#2 or 5L" + UNDERSTOOD)],
    ),
    ({"cron": "*/0 * * * *"}, [("cron", "the minute must be from 0 to 59" + UNDERSTOOD)]),
    (
        {"cron": "0 0 0 1 1 *"},
        [("cron", SIX)],
    ),
    (
        {"cron": "0 0 *"},
        [("cron", "it has 3 fields and needs five: minute, hour, day of the month, month, day of the week")],
    ),
    (
        {"cron": ""},
        [("cron", "it has 0 fields and needs five: minute, hour, day of the month, month, day of the week")],
    ),
    ({"cron": "@reboot"}, [("cron", "the short forms are @hourly, @daily, @weekly, @monthly, @yearly")]),
    ({"cron": ",".join("1" * 200) + " * * * *"}, [("cron", "it has more than 200 characters")]),
    (
        {"cron": "0 0 30,31 2 */2"},
        [("cron", "the day of the month must be from 1 to 31, L or LW, and one that its months have" + UNDERSTOOD)],
    ),
    ({"cron": "0 0 */30 2 TUE#2"}, [("cron", "no day ever fits it")]),
    (
        {"cron": "@daily", "zone": "Europe/Atlantis"},
        [("zone", "there is no such time zone; give its IANA name, such as Europe/Berlin")],
    ),
    (
        {"cron": "x", "zone": "../etc/passwd"},
        [
            ("cron", "it has 1 fields and needs five: minute, hour, day of the month, month, day of the week"),
            ("zone", "there is no such time zone; give its IANA name, such as Europe/Berlin"),
        ],
    ),
    ({"every_seconds": 0, "at": NOON}, [("every_seconds", "give whole seconds from 1 to 31622400 (a year)")]),
    ({"every_seconds": 31_622_401, "at": NOON}, [("every_seconds", "give whole seconds from 1 to 31622400 (a year)")]),
    ({"every_seconds": 60}, [("at", "say when the interval begins")]),
    ({"at": NOON, "zone": "UTC"}, [("zone", "only cron follows the clock of a zone; leave it out")]),
    (
        {"at": NOON.replace(tzinfo=None)},
        [("at", "give a time with its offset, from 1970 on and before the year 9000")],
    ),
    ({"at": NOON.replace(year=9000)}, [("at", "give a time with its offset, from 1970 on and before the year 9000")]),
    ({}, [("cron", "say exactly one of cron, every_seconds and at")]),
    ({"cron": "@daily", "at": NOON}, [("cron", "say exactly one of cron, every_seconds and at")]),
]


@pytest.mark.parametrize(("said", "problems"), WRONG)
def test_what_does_not_fit_is_refused_with_its_place_and_what_would_fit(
    said: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    with pytest.raises(Invalid) as refused:
        read_timing(**said)
    assert [(each["at"], each["message"]) for each in refused.value.problems] == problems
    assert refused.value.message == f"the times of a schedule do not fit: {problems[0][1]}"


@pytest.mark.parametrize(
    "zone", ["right/UTC", "posix/UTC", "localtime", "Factory", "America", "europe/berlin", "", "a\0b"]
)
def test_a_name_that_is_no_iana_zone_is_refused(zone: str) -> None:
    with pytest.raises(Invalid, match="no such time zone"):
        read_timing(cron="@daily", zone=zone)


def test_a_cron_without_a_zone_follows_utc() -> None:
    assert read_timing(cron="0 12 * * MON-FRI") == Cron("0 12 * * MON-FRI", "UTC")


@pytest.mark.parametrize("alias", ALIASES)
def test_a_short_form_is_kept_and_stands_for_its_fields(alias: str) -> None:
    read = read_timing(cron=alias, zone="Europe/Berlin")
    assert isinstance(read, Cron)
    assert (read.expression, expression_of(read)) == (alias, ALIASES[alias])


def test_an_interval_and_a_single_time_are_kept_in_utc() -> None:
    there = datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert read_timing(every_seconds=60, at=there) == Every(60, NOON)
    assert read_timing(at=there) == Once(NOON)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789*/-,#LWMONSUJAN @?\u0661", max_size=30))
def test_any_text_is_either_understood_or_refused_in_words(text: str) -> None:
    refused: Invalid | None = None
    try:
        read_timing(cron=text)
    except Invalid as invalid:
        refused = invalid
    assert refused is None or [each["at"] for each in refused.problems] == ["cron"]

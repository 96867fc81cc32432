"""What may be said of a schedule's times: cron in a time zone, an interval or one time, checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from easyflow.errors import Invalid

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
FIELDS = {
    "Bad minute": "the minute must be from 0 to 59",
    "Bad hour": "the hour must be from 0 to 23",
    "Bad day-of-month": "the day of the month must be from 1 to 31, L or LW, and one that its months have",
    "Bad month": "the month must be from 1 to 12 or JAN to DEC",
    "Bad day-of-week": "the day of the week must be from 0 to 7 or SUN to SAT, such as MON, MON#2 or 5L",
}
LONGEST_EXPRESSION = 200
LONGEST_INTERVAL_SECONDS = 366 * 86_400
# Nothing is looked for behind it: the calendar of Python ends with the year 9999.
HORIZON = datetime(9000, 1, 1, tzinfo=UTC)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cron:
    """Local times in a zone; made by `read_timing`, which checks both."""

    expression: str
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Every:
    """Every so many seconds of real time, the first at `start`."""

    seconds: int
    start: datetime


@dataclass(frozen=True, slots=True)
class Once:
    """One time."""

    at: datetime


Timing = Cron | Every | Once


def read_timing(
    *,
    cron: str | None = None,
    zone: str | None = None,
    every_seconds: int | None = None,
    at: datetime | None = None,
) -> Timing:
    """Check what was said of a schedule's times; `at` is the one time, or where an interval begins.

    Raises Invalid with every problem and its place: `cron`, `zone`, `every_seconds`, `at`.
    """
    problems = list(_problems(cron, zone, every_seconds, at))
    if problems:
        raise Invalid(
            f"the times of a schedule do not fit: {problems[0][1]}",
            problems=[{"at": place, "message": message} for place, message in problems],
        )
    if cron is not None:
        return Cron(cron, zone or "UTC")
    assert at is not None
    start = at.astimezone(UTC)
    return Once(start) if every_seconds is None else Every(every_seconds, start)


def expression_of(cron: Cron) -> str:
    """Return the five fields of a cron, which may be a short form."""
    return ALIASES.get(cron.expression, cron.expression)


def zone_of(cron: Cron) -> ZoneInfo:
    """Return the zone of a cron, which is known."""
    return ZoneInfo(cron.zone)


def _problems(
    cron: str | None, zone: str | None, every_seconds: int | None, at: datetime | None
) -> Iterator[tuple[str, str]]:
    if (cron is not None) + (every_seconds is not None or at is not None) != 1:
        yield "cron", "say exactly one of cron, every_seconds and at"
        return
    if cron is not None:
        wrong = _wrong_expression(cron)
        if wrong is not None:
            yield "cron", wrong
    if zone is not None and cron is None:
        yield "zone", "only cron follows the clock of a zone; leave it out"
    elif zone is not None and zone not in _zones():
        yield "zone", "there is no such time zone; give its IANA name, such as Europe/Berlin"
    if every_seconds is not None and not 1 <= every_seconds <= LONGEST_INTERVAL_SECONDS:
        yield "every_seconds", f"give whole seconds from 1 to {LONGEST_INTERVAL_SECONDS} (a year)"
    if every_seconds is not None and at is None:
        yield "at", "say when the interval begins"
    if at is not None and (at.tzinfo is None or not BEGINNING <= at < HORIZON):
        yield "at", "give a time with its offset, from 1970 on and before the year 9000"


def _wrong_expression(cron: str) -> str | None:
    if cron.startswith("@"):
        return None if cron in ALIASES else f"the short forms are {', '.join(ALIASES)}"
    if len(cron) > LONGEST_EXPRESSION:
        return f"it has more than {LONGEST_EXPRESSION} characters"
    fields = cron.split()
    if len(fields) == 6:
        return "it has six fields; there are none for seconds: use every_seconds for what runs more than once a minute"
    if len(fields) != 5:
        return f"it has {len(fields)} fields and needs five: minute, hour, day of the month, month, day of the week"
    try:
        comes = next(CronSim(cron, BEGINNING.replace(tzinfo=None)), None)
    except CronSimError as wrong:
        return f"{FIELDS[str(wrong)]}; lists (1,2), ranges (1-5) and steps (*/5) are understood"
    return None if comes else "no day ever fits it"


@cache
def _zones() -> set[str]:
    return available_timezones() - {"localtime", "Factory"}

"""What `easyflow doctor` makes of the surroundings: one finding per rule, each with what to do about it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from easyflow.access.addresses import is_loopback
from easyflow.cli.output import utc
from easyflow.settings import Settings

OLDEST_MAJOR, NEWEST_MAJOR = 15, 18
FEWEST_DAYS_AHEAD = 3
CLOCK_WARN_SECONDS, CLOCK_FAIL_SECONDS = 1.0, 30.0
OLD_TRANSACTION_SECONDS = 300.0

# Connections a process may hold: an executor beside its transactional sessions, a supervisor, an API.
EXECUTOR, SUPERVISOR, API = 3, 3, 11
CROWDED = 0.8

Facts = Mapping[str, Any]


class Finding(NamedTuple):
    """One rule and how it stands; the message says what to do unless all is well."""

    level: Literal["ok", "warn", "FAIL"]
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that was read: the server, the schema, and, where there is one, its upkeep and who holds it up."""

    server: Facts
    clock_ahead_seconds: float
    revision: str | None
    wanted_revision: str
    upkeep: Facts | None = None
    old: Sequence[Facts] = ()
    guard: Facts | None = None


def judge(found: Surroundings, known: Settings) -> Iterator[Finding]:
    """Judge everything that was read, in a fixed order; pure."""
    yield _version(found.server)
    yield _role(found.server)
    yield _revision(found.revision, found.wanted_revision)
    yield from _durability(found.server)
    yield _isolation(found.server["isolation"])
    yield _clock(found.clock_ahead_seconds)
    if found.upkeep is not None:
        yield _override(found.upkeep["frozen_at"])
        yield _partitions(found.upkeep["days_ahead"])
        yield _connections(found.server, found.upkeep, known)
    if found.guard is not None:
        yield _timeline(found.guard)
    yield from _transactions(found.old, found.server["sees_all"])
    yield _access(known)


def _version(server: Facts) -> Finding:
    major = server["version_num"] // 10_000
    if OLDEST_MAJOR <= major <= NEWEST_MAJOR:
        return Finding("ok", "version", f"PostgreSQL {server['version']}")
    if major < OLDEST_MAJOR:
        return Finding("FAIL", "version", f"PostgreSQL {major} is too old: move to {OLDEST_MAJOR} or newer")
    return Finding("warn", "version", f"PostgreSQL {major} is newer than any EasyFlow was tested with ({NEWEST_MAJOR})")


def _role(server: Facts) -> Finding:
    if server["standby"]:
        return Finding("FAIL", "role", "this server is a standby: point EASYFLOW_DATABASE_URL at the primary")
    return Finding("ok", "role", "primary")


def _revision(present: str | None, wanted: str) -> Finding:
    if present == wanted:
        return Finding("ok", "schema", f"revision {present}")
    has = f"revision {present}" if present else "no EasyFlow schema"
    return Finding("FAIL", "schema", f"{has}, this release needs {wanted}: run `easyflow migrate`")


def _durability(server: Facts) -> Iterator[Finding]:
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        if server[setting] == "off":
            message = f"{setting} is off: a crash can lose jobs that were acknowledged; switch it on"
            yield Finding("FAIL", "durability", message)
        else:
            yield Finding("ok", "durability", f"{setting} is {server[setting]}")


def _isolation(isolation: str) -> Finding:
    if isolation == "read committed":
        return Finding("ok", "isolation", isolation)
    return Finding(
        "FAIL", "isolation", f"default_transaction_isolation is {isolation}: EasyFlow's locks need read committed"
    )


def _clock(ahead_seconds: float) -> Finding:
    off = abs(ahead_seconds)
    way = "ahead of" if ahead_seconds > 0 else "behind"
    message = f"the database's clock is {off:.1f} s {way} this machine's"
    if off < CLOCK_WARN_SECONDS:
        return Finding("ok", "clock", f"within {CLOCK_WARN_SECONDS:g} s of this machine's")
    level: Literal["warn", "FAIL"] = "warn" if off < CLOCK_FAIL_SECONDS else "FAIL"
    return Finding(level, "clock", f"{message}: let both follow the same time server")


def _override(frozen_at: datetime | None) -> Finding:
    if frozen_at is None:
        return Finding("ok", "clock override", "none")
    message = f"time stands still at {utc(frozen_at)}: empty the table easyflow.clock_override, it is for tests only"
    return Finding("FAIL", "clock override", message)


def _partitions(days_ahead: int) -> Finding:
    if days_ahead >= FEWEST_DAYS_AHEAD:
        return Finding("ok", "partitions", f"{days_ahead} days ahead")
    left = "today's are missing" if days_ahead < 0 else f"{days_ahead} of at least {FEWEST_DAYS_AHEAD} days ahead"
    return Finding("FAIL", "partitions", f"{left}: start a worker, its housekeeping creates them")


def _connections(server: Facts, upkeep: Facts, known: Settings) -> Finding:
    """Compare what the live workers may open with what the server gives; without workers, what one would open."""
    workers = upkeep["workers"] or 1
    executors = upkeep["executors"] or known.executors or os.cpu_count() or 1
    needed = workers * SUPERVISOR + executors * (EXECUTOR + known.transactional_concurrency) + API
    given = server["max_connections"] - server["reserved_connections"]
    live = f"{upkeep['workers']} live with" if upkeep["workers"] else "one would have"
    who = f"workers: {live} executors: {executors}; with an API they may open {needed} of {given} connections"
    if needed > given:
        return Finding("FAIL", "connections", f"{who}: raise max_connections, or run fewer executors")
    if needed > given * CROWDED:
        return Finding("warn", "connections", f"{who}, which leaves little to others: raise max_connections")
    return Finding("ok", "connections", who)


def _transactions(old: Sequence[Facts], sees_all: bool) -> Iterator[Finding]:
    for one in old:
        age = f"{one['seconds'] / 60:.0f} min"
        if one["pid"] is None:
            what = f"the prepared transaction {one['name']} is {age} old"
            remedy = "commit it or roll it back"
        else:
            what = (
                f"process {one['pid']} ({one['name'] or 'no name'}, {one['state']}) has been in a transaction for {age}"
            )
            remedy = f"end it, or run select pg_terminate_backend({one['pid']})"
        yield Finding("warn", "transactions", f"{what} and keeps dead rows in every table: {remedy}")
    if not sees_all:
        message = "only this user's were seen: grant pg_read_all_stats to see the others'"
        yield Finding("warn", "transactions", message)
    elif not old:
        yield Finding("ok", "transactions", f"none older than {OLD_TRANSACTION_SECONDS / 60:.0f} min")


def _timeline(guard: Facts) -> Finding:
    if guard["state"] in ("tripped", "releasing"):
        why = "; ".join(guard["differences"])
        message = (
            f"unsafe jobs are paused since {utc(guard['tripped_at'], 'seconds')}: {why}: run `easyflow timeline show`"
        )
        return Finding("FAIL", "timeline", message)
    if guard["state"] == "unwatched":
        return Finding("ok", "timeline", "not watched yet: the first worker begins")
    if guard["blind"]:
        message = "a restore into another cluster would go unnoticed"
        remedy = "grant execute on function pg_control_system() to the workers' role"
        return Finding("warn", "timeline", f"workers may not read the system identifier, {message}: {remedy}")
    return Finding("ok", "timeline", f"watched since {utc(guard['watched_since'], 'seconds')}")


def _access(known: Settings) -> Finding:
    if known.api_key is not None:
        return Finding("ok", "access", "the API asks for its key")
    exposed = [f"EASYFLOW_{server}_HOST" for server, host in _hosts(known) if not is_loopback(host)]
    if exposed:
        return Finding("FAIL", "access", f"others could reach {' and '.join(exposed)}: set EASYFLOW_API_KEY")
    return Finding("ok", "access", "no API key: only this machine is answered")


def _hosts(known: Settings) -> Iterator[tuple[str, str]]:
    yield "API", known.api_host
    yield "DASHBOARD", known.dashboard_host

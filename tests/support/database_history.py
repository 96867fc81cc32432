"""What the database tells of every job: facts, attempts, events, effects, and where each ticket is now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from easyflow.storage.sql import Connection

TERMINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED"})


@dataclass(frozen=True, slots=True)
class Job:
    """Facts of a job; `marker` is the X of its tag `submit:X`, by which a submit without an answer is found."""

    job: str
    at: float
    task: str
    effects: str
    max_attempts: int
    marker: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that is over; `started` is None where nobody lived to tell."""

    job: str
    lease: int
    outcome: str
    claimed: float
    at: float
    started: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something an operator or the engine wrote down about a job; `said` is its detail."""

    job: str
    at: float
    kind: str
    actor: str
    reason: str | None = None
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect as the ledger knows it now."""

    job: str
    ordinal: int
    at: float
    lease: int
    tries: int
    state: str
    effects: str
    name: str
    key: str
    closed: float | None = None
    closed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """One place where a job is, or seems to be; `held` whether it holds its key, `live` whether its holder lives."""

    job: str
    at: float
    place: str
    state: str
    lease: int
    replays: int
    queue: str
    key: str | None = None
    ordered: bool | None = None
    held: bool = False
    live: bool = True


@dataclass(frozen=True, slots=True)
class DatabaseHistory:
    """Everything, as one picture; `letters` are the states of dead letters, `keys` the job of each idempotency key."""

    jobs: Mapping[str, Job] = field(default_factory=dict)
    attempts: Mapping[str, list[Attempt]] = field(default_factory=dict)
    events: Mapping[str, list[Event]] = field(default_factory=dict)
    effects: Mapping[str, list[Effect]] = field(default_factory=dict)
    tickets: Mapping[str, list[Ticket]] = field(default_factory=dict)
    letters: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    idle_transactions: int = 0

    def state(self, job: str) -> str | None:
        """Where a job is, if it is in one place."""
        places = self.tickets.get(job, [])
        return places[0].state if len(places) == 1 else None


JOBS = """
    select j.id::text as job, extract(epoch from j.created_at)::float8 as at, j.task,
           coalesce(t.effects, 'unsafe') as effects,
           coalesce(j.max_attempts, t.max_attempts, 2147483647) as max_attempts,
           (select substr(tag, 8) from easyflow.job_tags where job_id = j.id and tag like 'submit:%' limit 1) as marker
    from easyflow.jobs as j left join easyflow.tasks as t on t.name = j.task
"""
ATTEMPTS = """
    select job_id::text as job, lease_no as lease, outcome, extract(epoch from claimed_at)::float8 as claimed,
           extract(epoch from finished_at)::float8 as at, extract(epoch from started_at)::float8 as started
    from easyflow.attempts order by job_id, lease_no
"""
EVENTS = """
    select job_id::text as job, extract(epoch from at)::float8 as at, kind, actor, reason, detail::text as said
    from easyflow.job_events order by job_id, id
"""
EFFECTS = """
    select job_id::text as job, ordinal, extract(epoch from opened_at)::float8 as at, lease_no as lease, tries, state,
           effects, name, key, extract(epoch from closed_at)::float8 as closed, closed_by
    from easyflow.effects order by job_id, ordinal
"""
TICKETS = """
    select job_id::text as job, extract(epoch from ready_at)::float8 as at, 'ready' as place, 'READY' as state,
           lease_no as lease, replay_no as replays, queue, key, ordered, key is not null as held, true as live
    from easyflow.ready
    union all
    select l.job_id::text, extract(epoch from l.claimed_at)::float8, 'leases', 'RUNNING', l.lease_no, l.replay_no,
           l.queue, l.key, l.ordered, l.key is not null,
           coalesce(e.state = 'live' and e.lease_until > easyflow.clock(), false)
    from easyflow.leases as l left join easyflow.executors as e on e.id = l.executor_id
    union all
    select job_id::text, extract(epoch from parked_at)::float8, 'parked', state, lease_no, replay_no, queue, key,
           ordered, holds_key, true
    from easyflow.parked
    union all
    select job_id::text, extract(epoch from finished_at)::float8, 'finished', state, lease_no, replay_no, queue, key,
           ordered, false, true
    from easyflow.finished
"""
IDLE = """
    select count(*) from pg_stat_activity
    where state like 'idle in transaction%' and datname = current_database() and pid <> pg_backend_pid()
"""

Row = TypeVar("Row", Attempt, Event, Effect, Ticket)


async def read_database_history(connection: Connection) -> DatabaseHistory:
    """Read it all in one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        letters = await connection.fetch("select job_id::text as job, state from easyflow.dead_letters")
        keys = await connection.fetch(
            "select key, object_ids[1]::text as job from easyflow.idempotency_keys where kind = 'job'"
        )
        return DatabaseHistory(
            jobs={row["job"]: Job(**row) for row in await connection.fetch(JOBS)},
            attempts=await _by_job(connection, ATTEMPTS, Attempt),
            events=await _by_job(connection, EVENTS, Event),
            effects=await _by_job(connection, EFFECTS, Effect),
            tickets=await _by_job(connection, TICKETS, Ticket),
            letters={row["job"]: row["state"] for row in letters},
            keys={row["key"]: row["job"] for row in keys},
            idle_transactions=await connection.fetchval(IDLE),
        )


async def _by_job(connection: Connection, query: str, kind: type[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in await connection.fetch(query):
        found[row["job"]].append(kind(**row))
    return dict(found)

"""Is the data right: each job in one place, each end well-founded, each order with one holder, no lease forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from easyflow.storage.sql import Connection, Statement, statement

FIRST = UUID(int=0)
WINDOW = 5_000
# Long after the lease of a dead executor has run out; rescue takes seconds.
SILENT_SECONDS = 60.0

_SAYS = {
    "lost": "the job is in no place",
    "doubled": "the job is in more than one place",
    "strangers": "a ticket without a job",
    "unlettered": "the job is FAILED without a dead letter",
    "unfounded": "the dead letter is open, but its job is not FAILED",
    "repeated": "its success was accepted more than once, or did not end it",
    "unearned": "the job is SUCCEEDED, but no attempt of it is, and nobody settled it",
    "unsettled": "the job is SUCCEEDED, but the outcome of one of its effects is not known",
    "overspent": "its handler answered more often than its max_attempts allows",
    "groundless": "the job is IN_DOUBT, but no effect is open and nothing says why",
    "stranded": "its executor is long dead, and no worker took the job back",
    "halted": "the run is under way, but no step of it is",
    "disagreeing": "a step of the run is under way and its job has ended, or the other way round",
    "unproven": "a step of the run SUCCEEDED, but its job did not",
    "miscounted": "a map of the run counts other than what became of its items",
    "unended": "the run is over, but a step of it still waits",
}


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing that may never be: what kind, what about, and in words."""

    kind: str
    about: str
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and what is wrong: at most 100 of a kind in each window."""

    jobs: int
    failures: int
    breaches: list[Breach]


async def check_data(connection: Connection, *, at_rest: bool = False) -> Checked:
    """Look at all jobs, in windows of ids so that the check itself pins no snapshot for long; changes nothing.

    Each window is one statement, so that a job on the move is seen where it is. `at_rest` says that nothing has run for
    a while: then no lease of an executor that is not live may be left at all.
    """
    breaches: list[Breach] = []
    jobs = failures = 0
    newest = FIRST
    async for window in _windows(connection, statement("check_conservation")):
        jobs += window["checked"]
        newest = window["last_id"]
        breaches += _breaches(window, "lost", "doubled", "strangers")
    behind = await statement("find_strangers_behind").fetch(connection, after=newest)
    breaches += [_breach("strangers", row["job_id"]) for row in behind]
    async for window in _windows(connection, statement("find_unlettered_failures")):
        failures += window["checked"]
        breaches += _breaches(window, "unlettered")
    async for window in _windows(connection, statement("find_unfounded_letters")):
        breaches += _breaches(window, "unfounded")
    async for window in _windows(connection, statement("check_endings")):
        breaches += _breaches(window, "repeated", "unearned", "unsettled", "overspent")
    async for window in _windows(connection, statement("check_runs")):
        breaches += _breaches(window, "halted", "disagreeing", "unproven", "miscounted", "unended")
    for row in await statement("find_groundless_doubts").fetch(connection):
        breaches.append(_breach("groundless", row["job_id"]))
    stranded = statement("find_stranded_leases")
    for row in await stranded.fetch(connection, silent_seconds=SILENT_SECONDS, at_rest=at_rest):
        breaches.append(_breach("stranded", row["job_id"]))
    for row in await statement("find_overfull_orders").fetch(connection):
        about = f"{row['queue']}/{row['key']}"
        breaches.append(Breach("overfull", about, f"{row['holders']} jobs hold this ordering key at once"))
    return Checked(jobs, failures, breaches)


async def _windows(connection: Connection, window: Statement) -> AsyncIterator[asyncpg.Record]:
    after: UUID | None = FIRST
    while after is not None:
        row = await window.fetchrow(connection, after=after, max_jobs=WINDOW)
        assert row is not None
        after = row["last_id"]
        if after is not None:
            yield row


def _breaches(window: asyncpg.Record, *kinds: str) -> list[Breach]:
    return [_breach(kind, job_id) for kind in kinds for job_id in window[kind]]


def _breach(kind: str, job_id: UUID) -> Breach:
    return Breach(kind, str(job_id), _SAYS[kind])

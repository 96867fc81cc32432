"""How soon the jobs of a killed process were claimed again: by the executors that each kill took away."""

from __future__ import annotations

import re
from collections.abc import Sequence

import asyncpg

from tests.soak.mischief import DATABASE_CLOCK, KILLS
from tests.soak.nemesis import Blow
from tests.soak.stage import POISON

# The database's times are not ours near a step of its clock.
STEP_REACH_SECONDS = 30.0
CLAIMED_AGAIN = """
    select lost.executor_id::text as executor, extract(epoch from next.claimed_at)::float8 as at
    from easyflow.attempts as lost
    join easyflow.jobs as job on job.id = lost.job_id and job.queue is distinct from $2
    cross join lateral (
        select claimed_at from easyflow.attempts
        where job_id = lost.job_id and lease_no > lost.lease_no order by lease_no limit 1
    ) as next
    where lost.executor_id = any ($1::uuid[]) and lost.outcome in ('lost', 'unstarted')
"""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def waits(connection: asyncpg.Connection, blows: Sequence[Blow]) -> dict[str, list[float]]:
    """Return the seconds from each kill to the next claim of each job it cost an attempt, by kind of kill.

    Poisonous jobs are left out: they wait on purpose, to run apart.
    """
    steps = [blow.at for blow in blows if blow.fault == DATABASE_CLOCK]
    found: dict[str, list[float]] = {kind: [] for kind in KILLS}
    killed: dict[str, Blow] = {}
    for blow in blows:
        if blow.fault in KILLS and all(abs(blow.at - at) > STEP_REACH_SECONDS for at in steps):
            killed |= dict.fromkeys(_ID.findall(blow.target or ""), blow)
    for row in await connection.fetch(CLAIMED_AGAIN, list(killed), POISON):
        blow = killed[row["executor"]]
        found[blow.fault].append(row["at"] - blow.at)
    return found

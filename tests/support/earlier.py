"""Jobs as the releases before the effect ledger took them: on a database of theirs today's claim finds no effects."""

from __future__ import annotations

from uuid import UUID, uuid4

import asyncpg

from easyflow.domain.outcome import Outcome
from easyflow.storage.sql import Connection
from tests.support.factories import end, submit, ticket

CLAIM = """
    with claimed as (
        delete from easyflow.ready
        where ctid = any (array(
            select ctid from easyflow.ready order by priority, lane, ready_seq limit $1 for update skip locked))
        returning *, gen_random_uuid() as claim_token
    ),
    leased as (
        insert into easyflow.leases (job_id, claim_token, claim_id, executor_id, claimed_at, lease_no, retry_count,
                                     losses, unstarted, replay_no, revision, priority, ordered, queue, task, key)
        select job_id, claim_token, $2, $3, easyflow.clock(), lease_no + 1, retry_count, losses, unstarted, replay_no,
               revision, priority, ordered, queue, task, key
        from claimed
    )
    select job_id, claim_token, lease_no + 1 as lease_no,
           extract(epoch from easyflow.clock())::double precision as claimed_at
    from claimed
    order by priority, lane, ready_seq
"""


async def claim_earlier(connection: Connection, max_jobs: int = 1) -> list[asyncpg.Record]:
    """Claim as those releases did, in order; the rows say what the end of an attempt must present."""
    return await connection.fetch(CLAIM, max_jobs, uuid4(), uuid4())


async def run_through_earlier(connection: Connection, outcome: Outcome) -> UUID:
    """Submit one job, claim it and end it with `outcome`; its id."""
    (job_id,) = await submit(connection, ticket())
    accepted = await end(connection, await claim_earlier(connection), outcome)
    assert [row["job_id"] for row in accepted] == [job_id]
    return job_id

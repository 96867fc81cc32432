"""A database with some thousand jobs in every place, for the planner to look at."""

from __future__ import annotations

from uuid import UUID

from easyflow.storage.sql import Connection
from tests.support.crowd_of_runs import CROWD_OF_RUNS

JOBS = 3000

# Each schedule has hundreds of slots and runs behind it, one of each a second, and few that are not over.
SCHEDULED = (
    """
    insert into easyflow.workflows (name, version, digest, definition, created_at, created_by)
    values ('scheduled', 1, '', '{}', easyflow.clock(), 'test')
    """,
    """
    insert into easyflow.schedules (name, workflow, input, cron, zone, overlap, catch_up, catch_up_limit, next_slot,
                                    created_at, updated_at)
    select 's' || n, 'scheduled', '{}', '@daily', 'UTC', 'skip', 'last', 100, easyflow.clock() + n * interval '1 hour',
           easyflow.clock(), easyflow.clock()
    from generate_series(0, 1999) as n
    """,
    """
    insert into easyflow.schedule_slots (schedule, slot, at, run_id, outcome)
    select 's' || n % 20, easyflow.clock() - n * interval '1 second', easyflow.clock(),
           case when n % 100 > 0 then gen_random_uuid() end, case when n % 100 > 0 then 'started' else 'queued' end
    from generate_series(1, 20000) as n
    """,
    """
    insert into easyflow.runs (id, created_at, finished_at, version, digest, state, workflow, input, schedule, slot)
    select gen_random_uuid(), easyflow.clock(), case when n % 100 > 0 then easyflow.clock() end, 1, '',
           case when n % 100 > 0 then 'SUCCEEDED' else 'RUNNING' end, 'scheduled', '{}', 's' || n % 20,
           easyflow.clock() - n * interval '1 second'
    from generate_series(1, 20000) as n
    """,
)

# Ids made in time order, so that they fall into today's partition.
CROWD = (
    """
    create temporary table crowd as
    select n, overlay(overlay(easyflow.first_uuid_at(easyflow.clock())::text placing lpad(to_hex(n), 12, '0') from 25)
                      placing '7' from 15)::uuid as id,
           (array['ready', 'leases', 'blocked', 'scheduled', 'held', 'over', 'doubt'])[n % 7 + 1] as place,
           'q' || n % 5 as queue, 't' || n % 7 as task, 'k' || n / 12 as key, n % 4 = 0 as ordered
    from generate_series(1, 7 * $1) as n
    """,
    """
    insert into easyflow.jobs (id, created_at, run_at, priority, task, queue, payload)
    select id, easyflow.clock(), easyflow.clock(), 0, task, queue, '{"amount": 1}' from crowd
    """,
    """
    insert into easyflow.ready (job_id, ready_at, priority, lane, ordered, queue, task, key)
    select id, easyflow.clock(), 0, 1, ordered, queue, task, key from crowd where place = 'ready'
    """,
    """
    insert into easyflow.leases (job_id, claim_token, claim_id, executor_id, claimed_at, lease_no, retry_count, losses,
                                 unstarted, replay_no, revision, priority, ordered, cancel_requested, queue, task, key)
    select id, gen_random_uuid(), md5((n / 50)::text)::uuid, md5((n % 2000)::text)::uuid, easyflow.clock(), 1, 0, 0, 0,
           0, 0, 0, ordered, n % 20 = 1, queue, task, key
    from crowd where place = 'leases'
    """,
    """
    insert into easyflow.parked (job_id, parked_at, run_at, blocked_seq, priority, ordered, holds_key, state, queue,
                                 task, key)
    select id, easyflow.clock(), case when place <> 'blocked' then easyflow.clock() + n * interval '1 second' end,
           case place when 'blocked' then n end, 0, ordered, place = 'held',
           case place when 'blocked' then 'BLOCKED' else 'SCHEDULED' end, queue, task, key
    from crowd where place in ('blocked', 'scheduled', 'held')
    """,
    """
    insert into easyflow.parked (job_id, parked_at, lease_no, priority, ordered, holds_key, state, queue, task, key)
    select id, easyflow.clock() + n * interval '1 second', 1, 0, ordered, ordered, 'IN_DOUBT', queue, task, key
    from crowd where place = 'doubt'
    """,
    """
    insert into easyflow.effects (job_id, ordinal, lease_no, claim_token, opened_at, closed_at, state, effects, name,
                                  key, request_hash)
    select id, ordinal, 1, gen_random_uuid(), easyflow.clock(),
           case when place <> 'doubt' or ordinal = 1 then easyflow.clock() end,
           case when place <> 'doubt' or ordinal = 1 then 'happened' else 'open' end, 'unsafe', 'charge',
           id || '.' || ordinal, ''
    from crowd cross join generate_series(1, 2) as ordinal
    where place in ('leases', 'over', 'doubt')
    """,
    """
    insert into easyflow.finished (job_id, finished_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                   priority, state, queue, task)
    select id, easyflow.clock(), 1, 0, 0, 0, 0, 0, 0, case when n % 4 = 1 then 'FAILED' else 'SUCCEEDED' end, queue,
           task
    from crowd where place = 'over'
    """,
    """
    insert into easyflow.attempts (job_id, lease_no, executor_id, claimed_at, finished_at, outcome)
    select id, 1, gen_random_uuid(), easyflow.clock(), easyflow.clock(), 'succeeded' from crowd where place = 'over'
    """,
    """
    insert into easyflow.dead_letters (job_id, failed_at, lease_no, revision, priority, reason, task, queue, payload)
    select id, easyflow.clock(), 1, 0, 0, 'x', task, queue, '{}' from crowd where place = 'over'
    """,
    """
    insert into easyflow.job_events (job_id, at, kind, actor) select id, easyflow.clock(), 'x', 'test' from crowd
    """,
    """
    insert into easyflow.throughput (minute, queue, task, state, count)
    select easyflow.clock() - n * interval '1 minute', 'q', 't', 'SUCCEEDED', 1 from generate_series(1, 5000) as n
    """,
    "insert into easyflow.job_tags (tag, job_id) select 'tag' || n % 500, id from crowd",
    """
    insert into easyflow.keys (queue, key, ordered)
    select distinct queue, key, ordered from crowd
    """,
    """
    insert into easyflow.executors (id, worker_id, state, started_at, lease_until)
    select distinct on (n % 2000) md5((n % 2000)::text)::uuid, gen_random_uuid(),
           case when n % 50 = 0 then 'live' else 'dead' end, easyflow.clock(),
           easyflow.clock() + n * interval '1 second'
    from crowd
    """,
    """
    insert into easyflow.workers (id, host, pid, version, queues, tasks, state, started_at, seen_at)
    select gen_random_uuid(), 'h', n, '0', '{q}', '{t}', 'live', easyflow.clock(), easyflow.clock()
    from generate_series(1, 1000) as n
    """,
    """
    insert into easyflow.idempotency_keys (kind, key, digest, object_ids, created_at)
    select 'job', 'i' || n, '', array[id], easyflow.clock() from crowd
    """,
    *SCHEDULED,
)


async def gather_crowd(connection: Connection) -> UUID:
    """Fill every table and let the planner know; returns the id of one of the jobs, all of one day."""
    for statement in (*CROWD, *CROWD_OF_RUNS):
        await connection.execute(statement.replace("$1", str(JOBS)))
    await connection.execute("vacuum analyze")
    job_id = await connection.fetchval("select id from crowd where n = 1")
    await connection.execute("drop table crowd")
    return UUID(str(job_id))

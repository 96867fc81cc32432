-- Store new jobs and put each one's ticket where it belongs.
-- moves: T1 -> READY, T1 -> SCHEDULED, T1 -> BLOCKED
-- takes: ids uuid[], tasks text[], queues text[], priorities smallint[], keys text[], ordered boolean[],
--        payloads jsonb[], run_ats timestamptz[], delays double precision[], max_attempts integer[],
--        timeouts double precision[]
-- returns: id, state, run_at, created_at in the order given; a key is only ever inserted as BLOCKED, admission moves it on
with given as materialized (
    select u.*, (select easyflow.clock()) as now,
           coalesce(u.run_at, (select easyflow.clock()) + coalesce(u.delay, 0) * interval '1 second') as due
    from unnest(:ids, :tasks, :queues, :priorities, :keys, :ordered, :payloads, :run_ats, :delays, :max_attempts,
                :timeouts)
         with ordinality as u(id, task, queue, priority, key, ordered, payload, run_at, delay, max_attempts, timeout,
                              position)
),
facts as (
    insert into easyflow.jobs (id, created_at, run_at, timeout_seconds, max_attempts, priority, ordered, task, queue,
                               key, payload)
    select id, now, due, timeout, max_attempts, priority, ordered, task, queue, key, payload from given
),
ready as (
    insert into easyflow.ready (job_id, ready_at, priority, lane, queue, task)
    select id, now, priority, 1, queue, task from given where key is null and due <= now
),
parked as (
    insert into easyflow.parked (job_id, parked_at, run_at, blocked_seq, priority, ordered, state, queue, task, key)
    select id, now, due, case when due <= now then nextval('easyflow.blocked_seq') end, priority, ordered,
           case when due <= now then 'BLOCKED' else 'SCHEDULED' end, queue, task, key
    from (select * from given where key is not null or due > now order by position) as waiting
)
select id, due as run_at, now as created_at,
       case when due > now then 'SCHEDULED' when key is null then 'READY' else 'BLOCKED' end as state
from given
order by position

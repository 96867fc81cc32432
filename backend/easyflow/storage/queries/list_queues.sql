-- List queues: what is set for them, and what waits and runs in them.
-- takes: nothing
-- returns: name, paused, concurrency, concurrency_per_key, version, ready, running, parked, oldest_ready_at by name
with counts as (
    select queue, count(*) as ready, 0::bigint as running, 0::bigint as parked, min(ready_at) as oldest
    from easyflow.ready group by queue
    union all
    select queue, 0, count(*), 0, null from easyflow.leases group by queue
    union all
    select queue, 0, 0, count(*), null from easyflow.parked group by queue
),
totals as (
    select queue, sum(ready)::bigint as ready, sum(running)::bigint as running, sum(parked)::bigint as parked,
           min(oldest) as oldest
    from counts group by queue
)
select coalesce(q.name, t.queue) as name, coalesce(q.paused, false) as paused, q.concurrency,
       coalesce(q.concurrency_per_key, 1) as concurrency_per_key, coalesce(q.version, 0) as version,
       coalesce(t.ready, 0) as ready, coalesce(t.running, 0) as running, coalesce(t.parked, 0) as parked,
       t.oldest as oldest_ready_at
from easyflow.queues as q
full join totals as t on t.queue = q.name
order by 1

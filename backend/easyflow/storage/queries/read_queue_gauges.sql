-- Count what is in each queue; beyond the fullest `max_queues`, all others are one row without a name.
-- takes: max_queues integer
-- returns: queue (null for all others together), ready, running, parked, oldest_ready_seconds by queue
with counts as (
    select name as queue, 0::bigint as ready, 0::bigint as running, 0::bigint as parked, null::timestamptz as oldest
    from easyflow.queues
    union all
    select queue, count(*), 0, 0, min(ready_at) from easyflow.ready group by queue
    union all
    select queue, 0, count(*), 0, null from easyflow.leases group by queue
    union all
    select queue, 0, 0, count(*), null from easyflow.parked group by queue
),
totals as (
    select queue, sum(ready) as ready, sum(running) as running, sum(parked) as parked, min(oldest) as oldest
    from counts group by queue
),
ranked as (
    select *, row_number() over (order by ready + running + parked desc, queue) as place from totals
)
select case when place <= :max_queues then queue end as queue, sum(ready)::bigint as ready,
       sum(running)::bigint as running, sum(parked)::bigint as parked,
       extract(epoch from easyflow.clock() - min(oldest))::double precision as oldest_ready_seconds
from ranked
group by 1
order by 1

-- Count jobs in doubt by queue and task; beyond the `max_pairs` fullest pairs, all others are one row without names.
-- index: parked_state
-- takes: max_pairs integer
-- returns: queue, task (both null for all others together), jobs, oldest_seconds by queue and task
with pairs as (
    select queue, task, count(*) as jobs, min(parked_at) as oldest,
           row_number() over (order by count(*) desc, queue, task) as place
    from easyflow.parked
    where state = 'IN_DOUBT'
    group by queue, task
)
select case when place <= :max_pairs then queue end as queue, case when place <= :max_pairs then task end as task,
       sum(jobs)::bigint as jobs, extract(epoch from easyflow.clock() - min(oldest))::double precision as oldest_seconds
from pairs
group by 1, 2
order by 1, 2

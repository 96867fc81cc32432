-- Read back jobs of a submit whose commit went unheard, as enqueue_jobs told of them when it stored them.
-- index: jobs_*_pkey
-- takes: ids uuid[]
-- returns: id, state, run_at, created_at of those that are stored; no order
select id, run_at, created_at,
       case when run_at > created_at then 'SCHEDULED' when key is null then 'READY' else 'BLOCKED' end as state
from easyflow.jobs where id = any(:ids)

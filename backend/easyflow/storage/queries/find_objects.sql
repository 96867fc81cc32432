-- Find what has one of these ids.
-- index: jobs_*_pkey, runs_pkey, dead_letters_pkey, workers_pkey
-- takes: ids uuid[]
-- returns: kind (job, run, dead_letter, worker), id, label, state (null for a job), jobs first, newest first
select kind, id, label, state
from (
    select 1 as rank, 'job' as kind, j.id, j.task as label, null::text as state
    from easyflow.jobs as j
    where j.id = any (:ids)
    union all
    select 2, 'run', r.id, r.workflow || ' ' || r.version, r.state
    from easyflow.runs as r
    where r.id = any (:ids)
    union all
    select 3, 'dead_letter', d.job_id, d.task || ': ' || left(coalesce(d.error_message, d.reason), 200), d.state
    from easyflow.dead_letters as d
    where d.job_id = any (:ids)
    union all
    select 4, 'worker', w.id, w.host || ' ' || w.pid, w.state
    from easyflow.workers as w
    where w.id = any (:ids)
) as found
order by rank, id desc

-- Find the places of some jobs in the runs they belong to, and why those that failed did.
-- takes: job_ids uuid[]
-- index: jobs_*_pkey
-- returns: job_id, run_id, step_no, part, items, reason, in no order; jobs of no run are missing
select u.job_id, j.run_id, j.step_no, j.part, j.items,
       (select coalesce(d.error_message, d.reason) from easyflow.dead_letters as d
        where d.job_id = u.job_id and d.state = 'open') as reason
from unnest(:job_ids) as u(job_id)
cross join lateral (
    select run_id, step_no, part, items from easyflow.jobs where id = u.job_id limit 1
) as j
where j.run_id is not null

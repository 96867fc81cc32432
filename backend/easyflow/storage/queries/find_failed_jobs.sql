-- Find the open dead letters of a step's jobs.
-- takes: run_id uuid, step_no smallint
-- index: jobs_*_run_id_step_no_id_idx, dead_letters_open
-- returns: job_id, version, by job_id; those of compensations are left out
select d.job_id, d.version
from easyflow.jobs as j
join easyflow.dead_letters as d on d.job_id = j.id and d.state = 'open'
where j.run_id = :run_id and j.step_no = :step_no and j.part is distinct from -1
order by d.job_id

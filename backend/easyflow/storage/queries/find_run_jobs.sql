-- Find jobs of a step that have not ended, going on behind a job.
-- takes: run_id uuid, step_no smallint, after uuid, max_jobs integer
-- index: jobs_*_run_id_step_no_id_idx
-- returns: job_id by job_id
select j.id as job_id
from easyflow.jobs as j
where j.run_id = :run_id and j.step_no = :step_no and j.id > :after and j.part is distinct from -1
  and not exists (select from easyflow.finished as f where f.job_id = j.id)
order by j.id
limit :max_jobs

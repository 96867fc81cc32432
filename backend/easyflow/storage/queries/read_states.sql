-- Read where given jobs are; the ids come first, so that no list is ever joined to the view.
-- takes: job_ids uuid[]
-- returns: job_id, state, queue, priority, lease_no, retry_count, run_at, since, finished_at in no order
select job_id, state, queue, priority, lease_no, retry_count, run_at, since, finished_at
from easyflow.job_states
where job_id = any (:job_ids)

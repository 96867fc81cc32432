-- Read a job's attempts, oldest first.
-- index: attempts_*_pkey
-- takes: job_ids uuid[]
-- returns: job_id, lease_no, outcome, times, error
select job_id, lease_no, executor_id, claimed_at, started_at, finished_at, outcome, code_digest, error_type,
       error_message, error_code, traceback
from easyflow.attempts
where job_id = any (:job_ids)
order by job_id, lease_no

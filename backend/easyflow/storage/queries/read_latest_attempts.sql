-- Read the latest attempts of one job: a snoozing job has thousands.
-- index: attempts_*_pkey
-- takes: job_id uuid, max_attempts integer
-- returns: lease_no, outcome, times, error; newest first
select lease_no, executor_id, claimed_at, started_at, finished_at, outcome, code_digest, error_type, error_message,
       error_code, traceback
from easyflow.attempts
where job_id = :job_id
order by lease_no desc
limit :max_attempts

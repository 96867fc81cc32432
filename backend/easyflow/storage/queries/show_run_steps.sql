-- Read all there is to tell about the steps of one run that are not BLOCKED.
-- takes: run_ids uuid[]
-- index: run_steps_pkey
-- returns: run_id, step_no, state, released_at, finished_at, due_at, job_id, child_run, compensation, compensation_job,
--          reason, items, made, succeeded, failed, concurrency, tolerated_failures, tolerated_percent, by run and step
select s.run_id, s.step_no, s.state, s.released_at, s.finished_at, s.due_at, s.job_id, s.child_run, s.compensation,
       s.compensation_job, s.reason, s.items, s.made, s.succeeded, s.failed, s.concurrency, s.tolerated_failures,
       s.tolerated_percent
from easyflow.run_steps as s
where s.run_id = any (:run_ids)
order by s.run_id, s.step_no

-- Record how far compensations are; a job is named when one begins. Run behind lock_runs only.
-- takes: run_ids uuid[], step_nos smallint[], states text[], job_ids uuid[], reasons text[]
-- index: run_steps_pkey
-- returns: nothing
update easyflow.run_steps as s
set compensation = u.state, compensation_job = coalesce(u.job_id, s.compensation_job),
    reason = coalesce(u.reason, s.reason)
from unnest(:run_ids, :step_nos, :states, :job_ids, :reasons) as u(run_id, step_no, state, job_id, reason)
where s.run_id = u.run_id and s.step_no = u.step_no

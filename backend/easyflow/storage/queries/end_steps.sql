-- Record that steps are over, with the result of one that has no job. Run behind lock_runs only.
-- takes: run_ids uuid[], step_nos smallint[], states text[], reasons text[], results jsonb[]
-- index: run_steps_pkey
-- returns: run_id, step_no of those that were RUNNING or WAITING, in no order
update easyflow.run_steps as s
set state = u.state, finished_at = (select easyflow.clock()), reason = u.reason, due_at = null,
    result = coalesce(u.result, s.result)
from unnest(:run_ids, :step_nos, :states, :reasons, :results) as u(run_id, step_no, state, reason, result)
where s.run_id = u.run_id and s.step_no = u.step_no and s.state in ('RUNNING', 'WAITING')
returning s.run_id, s.step_no

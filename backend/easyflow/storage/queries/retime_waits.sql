-- Let steps that wait for a signal wait for another time, counted from when they began to. Run behind lock_runs only.
-- takes: run_ids uuid[], step_nos smallint[], timeouts double precision[]
-- index: run_steps_pkey
-- returns: nothing; without a timeout a step waits for ever
update easyflow.run_steps as s
set due_at = s.released_at + u.timeout * interval '1 second'
from unnest(:run_ids, :step_nos, :timeouts) as u(run_id, step_no, timeout)
where s.run_id = u.run_id and s.step_no = u.step_no and s.state = 'WAITING'

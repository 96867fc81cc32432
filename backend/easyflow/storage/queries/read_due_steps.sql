-- Read which waiting steps of some runs are due, and whether the run itself is. Run behind lock_runs only.
-- takes: run_ids uuid[]
-- index: run_steps_pkey, runs_pkey
-- returns: run_id, step_no, null for the run's own deadline, in no order
select s.run_id, s.step_no
from easyflow.run_steps as s
where s.run_id = any (:run_ids) and s.state = 'WAITING' and s.due_at <= (select easyflow.clock())
union all
select r.id, null
from easyflow.runs as r
where r.id = any (:run_ids) and r.finished_at is null and r.stopping is null
  and r.deadline_at <= (select easyflow.clock())

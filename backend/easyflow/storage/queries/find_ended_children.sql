-- Find steps that wait for runs of other workflows which are over.
-- takes: max_runs integer
-- index: run_steps_child, runs_pkey
-- returns: run_id, child_run, in no order
select s.run_id, s.child_run
from easyflow.run_steps as s
join easyflow.runs as r on r.id = s.child_run and r.finished_at is not null
where s.state = 'WAITING' and s.child_run is not null
limit :max_runs

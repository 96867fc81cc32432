-- Set what maps have counted, and how far they have come. Run behind lock_runs only.
-- takes: run_ids uuid[], step_nos smallint[], made bigint[], succeeded bigint[], failed bigint[], source_items bigint[]
-- index: run_steps_pkey
-- returns: nothing
update easyflow.run_steps as s
set made = u.made, succeeded = u.succeeded, failed = u.failed, source_item = u.source_item
from unnest(:run_ids, :step_nos, :made, :succeeded, :failed, :source_items)
     as u(run_id, step_no, made, succeeded, failed, source_item)
where s.run_id = u.run_id and s.step_no = u.step_no

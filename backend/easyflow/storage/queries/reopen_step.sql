-- Let a step that is over be under way again with the jobs it has. Run behind lock_runs only.
-- takes: run_id uuid, step_no smallint
-- index: run_steps_pkey
-- returns: nothing
update easyflow.run_steps set state = 'RUNNING', finished_at = null, reason = null
where run_id = :run_id and step_no = :step_no

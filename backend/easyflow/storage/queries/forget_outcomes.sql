-- Forget what became of the items of a job that runs again. Run behind lock_runs only.
-- takes: run_id uuid, step_no smallint, part bigint, items bigint
-- index: run_outcomes_pkey
-- returns: state of each
delete from easyflow.run_outcomes
where run_id = :run_id and step_no = :step_no and item_no >= :part and item_no < :part + :items
returning state

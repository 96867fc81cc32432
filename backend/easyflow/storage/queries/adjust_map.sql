-- Change the bounds of a map; what is null stays. Run behind lock_runs only.
-- takes: run_id uuid, step_no smallint, concurrency integer, tolerated_failures bigint, tolerated_percent double precision
-- index: run_steps_pkey
-- returns: nothing
update easyflow.run_steps
set concurrency = coalesce(:concurrency, concurrency),
    tolerated_failures = coalesce(:tolerated_failures, tolerated_failures),
    tolerated_percent = coalesce(:tolerated_percent, tolerated_percent)
where run_id = :run_id and step_no = :step_no

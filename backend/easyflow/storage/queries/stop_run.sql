-- Have a run end as CANCELLED or FAILED once what runs has stopped. Run behind lock_runs only.
-- takes: run_id uuid, stopping text, compensates boolean, reason text
-- index: runs_pkey
-- returns: nothing
update easyflow.runs set stopping = :stopping, compensates = :compensates, reason = :reason where id = :run_id

-- Let a run that is over go on, without the deadline it had. Run behind lock_runs only.
-- takes: run_id uuid
-- index: runs_pkey
-- returns: nothing; a unique violation when another run has its key now
update easyflow.runs
set state = 'RUNNING', finished_at = null, stopping = null, deadline_at = null, reason = null, output = null
where id = :run_id

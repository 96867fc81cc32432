-- Say which tasks a worker can run.
-- takes: worker_id uuid, tasks text[]
-- returns: nothing
update easyflow.workers set tasks = :tasks, seen_at = easyflow.clock() where id = :worker_id

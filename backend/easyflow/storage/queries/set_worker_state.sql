-- Say that a worker drains or has stopped.
-- takes: worker_id uuid, state text
-- returns: nothing
update easyflow.workers set state = :state, seen_at = easyflow.clock() where id = :worker_id

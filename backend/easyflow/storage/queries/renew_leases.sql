-- Prolong the lease of a worker's executors: one row each, whatever they hold.
-- moves: T4 RUNNING -> RUNNING        index: executors_pkey
-- takes: worker_id uuid, executor_ids uuid[], lease_seconds double precision
-- returns: id of each executor still live; one that is missing was declared dead and must be stopped
with seen as (
    update easyflow.workers set seen_at = easyflow.clock() where id = :worker_id
)
update easyflow.executors
set lease_until = easyflow.clock() + :lease_seconds * interval '1 second'
where id = any (:executor_ids) and state = 'live'
returning id

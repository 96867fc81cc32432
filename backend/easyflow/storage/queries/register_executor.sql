-- Give a new executor its identity and its first lease, before its process exists.
-- takes: executor_id uuid, worker_id uuid, lease_seconds double precision
-- returns: nothing
insert into easyflow.executors (id, worker_id, state, started_at, lease_until)
values (:executor_id, :worker_id, 'live', easyflow.clock(),
        easyflow.clock() + :lease_seconds * interval '1 second')

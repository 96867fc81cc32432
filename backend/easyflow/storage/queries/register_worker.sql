-- Announce a worker: what it serves and what it can run.
-- takes: worker_id uuid, host text, pid integer, version text, queues text[], tasks text[]
-- returns: nothing
insert into easyflow.workers (id, host, pid, version, queues, tasks, state, started_at, seen_at)
values (:worker_id, :host, :pid, :version, :queues, :tasks, 'live', easyflow.clock(), easyflow.clock())
on conflict (id) do nothing

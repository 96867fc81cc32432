-- List workers, newest first, with their live executors and the jobs these hold.
-- takes: max_workers integer
-- returns: id, host, pid, version, queues, tasks, state, started_at, seen_at, executors, running, silent_seconds
select w.id, w.host, w.pid, w.version, w.queues, w.tasks, w.state, w.started_at, w.seen_at,
       (select count(*) from easyflow.executors as e where e.worker_id = w.id and e.state = 'live') as executors,
       (select count(*) from easyflow.leases as l where l.executor_id = any (array(
            select e.id from easyflow.executors as e where e.worker_id = w.id))) as running,
       extract(epoch from easyflow.clock() - w.seen_at)::double precision as silent_seconds
from easyflow.workers as w
order by w.started_at desc, w.id
limit :max_workers

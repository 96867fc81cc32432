-- Count workers that have not stopped, their live executors, and what these run.
-- index: executors_live
-- takes: lease_seconds double precision, most bigint
-- returns: live, draining, silent (said nothing for longer than a lease, and not for longer than an hour), executors,
--          running (at most `most`), and at, the time all this is of
select easyflow.clock() as at,
       count(*) filter (where w.state = 'live' and w.seconds <= :lease_seconds) as live,
       count(*) filter (where w.state = 'draining' and w.seconds <= :lease_seconds) as draining,
       count(*) filter (where w.seconds > :lease_seconds) as silent,
       (select count(*) from easyflow.executors where state = 'live' and lease_until > easyflow.clock()) as executors,
       (select count(*) from (select from easyflow.leases order by job_id limit :most) as t) as running
from (
    select state, extract(epoch from easyflow.clock() - seen_at) as seconds
    from easyflow.workers
    where state <> 'stopped' and seen_at > easyflow.clock() - interval '1 hour'
) as w

-- Find leases whose executor died long ago and that nobody took back, although a worker is there to do it.
-- takes: silent_seconds double precision, at_rest boolean
-- returns: job_id in order, at most 100; at rest, when nothing has run for a while, every lease without a live executor
select l.job_id
from easyflow.leases as l
left join easyflow.executors as e on e.id = l.executor_id
where (e.state is distinct from 'live' or e.lease_until < easyflow.clock())
  and (:at_rest or coalesce(e.lease_until, l.claimed_at) < easyflow.clock() - :silent_seconds * interval '1 second'
                   and exists (select from easyflow.executors as x
                               where x.state = 'live' and x.lease_until > easyflow.clock()))
order by l.job_id
limit 100

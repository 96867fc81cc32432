-- Find dead executors that still hold leases: a crash release saw rows that a dying statement had locked.
-- index: leases_executor
-- takes: nothing
-- returns: executor_id in no order
-- It begins with the executors: behind a pinned snapshot a walk over leases passes every dead entry of those that live.
select e.id as executor_id
from easyflow.executors as e
where e.state = 'dead' and exists (select from easyflow.leases as l where l.executor_id = e.id)

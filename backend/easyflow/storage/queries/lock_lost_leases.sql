-- Lock leases of executors that are dead, so that the verdict on each is read and written behind the lock.
-- index: leases_executor
-- takes: executor_ids uuid[], max_jobs integer
-- returns: job_id, claim_token, losses, unstarted; rows that someone else holds are passed over. Ordered by executor
--          first: by job id alone the planner may walk over all leases, dead entries included.
select l.job_id, l.claim_token, l.losses, l.unstarted
from easyflow.leases as l
where l.executor_id = any (:executor_ids)
order by l.executor_id, l.job_id
limit :max_jobs
for update of l skip locked

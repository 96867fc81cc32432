-- Lock leases of executors that are dead, so that the verdict on each is read and written behind the lock.
-- index: leases_executor
-- takes: executor_ids uuid[], max_jobs integer
-- returns: job_id, claim_token, executor_id, task, losses, unstarted, effects (null when the task was never
--          registered); rows that someone else holds are passed over. Ordered by executor first: by job id alone the
--          planner may walk over all leases, dead entries included.
select l.job_id, l.claim_token, l.executor_id, l.task, l.losses, l.unstarted,
       (select t.effects from easyflow.tasks as t where t.name = l.task) as effects
from easyflow.leases as l
where l.executor_id = any (:executor_ids)
order by l.executor_id, l.job_id
limit :max_jobs
for update of l skip locked

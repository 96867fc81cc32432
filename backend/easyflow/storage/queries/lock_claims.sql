-- Lock the leases of some claims, so that the verdict on each is read and written behind the lock.
-- index: leases_pkey
-- takes: job_ids uuid[], claim_tokens uuid[]
-- returns: job_id, claim_token, losses, unstarted of those that are still the current ones; waits for who holds them
select job_id, claim_token, losses, unstarted
from easyflow.leases
where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
order by job_id
for update

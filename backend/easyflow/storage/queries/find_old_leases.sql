-- List what executors have held for a while; whoever runs it knows it, unless the reply to the claim was never heard.
-- index: leases_executor
-- takes: executor_ids uuid[], older_than_seconds double precision
-- returns: executor_id, job_id, claim_token, claim_id, lease_no, claimed_at (seconds since 1970) in no order
select executor_id, job_id, claim_token, claim_id, lease_no,
       extract(epoch from claimed_at)::double precision as claimed_at
from easyflow.leases
where executor_id = any (:executor_ids)
  and claimed_at < (select easyflow.clock()) - :older_than_seconds * interval '1 second'

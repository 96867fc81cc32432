-- Tell which of these leases someone else holds a lock on just now, without waiting for him.
-- index: leases_pkey
-- takes: job_ids uuid[], claim_tokens uuid[]
-- returns: claim_token of each held one; what is free, or no lease any more, is missing
with free as materialized (
    select claim_token from easyflow.leases
    where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
    order by job_id
    for update skip locked
)
select claim_token from easyflow.leases
where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
  and claim_token not in (select claim_token from free)

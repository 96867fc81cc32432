-- Find what claim statements took whose replies were lost; their holder hands it back.
-- takes: executor_id uuid, claim_ids uuid[]
-- returns: job_id, claim_token
select job_id, claim_token
from easyflow.leases
where executor_id = :executor_id and claim_id = any (:claim_ids)

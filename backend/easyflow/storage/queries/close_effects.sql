-- Record how effects came out: they happened, with a result, or certainly did not.
-- moves: T5 RUNNING -> RUNNING        index: leases_pkey, effects_*_pkey
-- takes: job_ids uuid[], claim_tokens uuid[], ordinals integer[], states text[], results jsonb[], notes text[]
-- returns: job_id, ordinal of the accepted, also when this very outcome was recorded before. An effect opened by another
--          claim, or by one that is not the current one any more, is missing and unchanged.
with given as materialized (
    select u.*
    from unnest(:job_ids, :claim_tokens, :ordinals, :states, :results, :notes)
         as u(job_id, claim_token, ordinal, state, result, note)
),
held as materialized (
    select job_id, claim_token from easyflow.leases
    where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
    order by job_id
    for key share
)
update easyflow.effects as e
set state = g.state, result = g.result, note = g.note, closed_at = easyflow.clock(), closed_by = 'worker'
from given as g join held as h using (job_id, claim_token)
where e.job_id = g.job_id and e.ordinal = g.ordinal and e.claim_token = g.claim_token
  and e.state in ('open', g.state)
returning e.job_id, e.ordinal

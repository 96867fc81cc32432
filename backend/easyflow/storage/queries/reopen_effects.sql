-- Commit intents for effects the ledger knows already: done again with the same key, or not done the first time.
-- moves: T5 RUNNING -> RUNNING        index: leases_pkey, effects_*_pkey
-- takes: job_ids uuid[], claim_tokens uuid[], lease_nos bigint[], ordinals integer[], names text[], effects text[],
--        keys text[], request_hashes bytea[], windows double precision[]
-- returns: job_id, ordinal of what is open now under this claim. One whose outcome is recorded, whose receiver may have
--          forgotten the key by now, or whose claim is not the current one, is missing and unchanged. What is open
--          already keeps its request, and the time for which its receiver remembers the key goes on from the first
--          call.
with given as materialized (
    select u.*
    from unnest(:job_ids, :claim_tokens, :lease_nos, :ordinals, :names, :effects, :keys, :request_hashes, :windows)
         as u(job_id, claim_token, lease_no, ordinal, name, effects, key, request_hash, key_window)
),
held as materialized (
    select job_id, claim_token from easyflow.leases
    where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
    order by job_id
    for key share
)
update easyflow.effects as e
set state = 'open', lease_no = g.lease_no, claim_token = g.claim_token,
    tries = e.tries + case when e.claim_token = g.claim_token and e.state = 'open' then 0 else 1 end,
    name = g.name, effects = g.effects, key = g.key, request_hash = g.request_hash,
    opened_at = case e.state when 'open' then e.opened_at else easyflow.clock() end,
    repeat_until = case e.state when 'open' then e.repeat_until
                   else easyflow.clock() + g.key_window * interval '1 second' end,
    closed_at = null, closed_by = null, note = null
from given as g join held as h using (job_id, claim_token)
where e.job_id = g.job_id and e.ordinal = g.ordinal
  and (e.state = 'did_not_happen'
       or (e.state = 'open' and e.request_hash = g.request_hash
           and (e.repeat_until is null or e.repeat_until >= easyflow.clock())))
returning e.job_id, e.ordinal

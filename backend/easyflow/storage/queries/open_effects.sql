-- Commit intents: what handlers are about to do outside. Nothing may be done before this is committed.
-- moves: T5 RUNNING -> RUNNING        index: leases_pkey, effects_*_pkey
-- takes: job_ids uuid[], claim_tokens uuid[], lease_nos bigint[], ordinals integer[], names text[], effects text[],
--        keys text[], request_hashes bytea[], windows double precision[]
-- returns: for each of the given, in their order: held (the claim is still the current one), and of the effect that was
--          there before, if any: state, name, effects, key, request_hash, claim_token, expired, result, note. A row with
--          held and no state was opened now; without held nothing was. The lease is locked against rescue, cancel by
--          flag goes on; windows are seconds for which the receiver remembers a key, null for ever.
with given as materialized (
    select u.*
    from unnest(:job_ids, :claim_tokens, :lease_nos, :ordinals, :names, :effects, :keys, :request_hashes, :windows)
         with ordinality
         as u(job_id, claim_token, lease_no, ordinal, name, effects, key, request_hash, key_window, place)
),
held as materialized (
    select job_id, claim_token from easyflow.leases
    where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
    order by job_id
    for key share
),
opened as (
    insert into easyflow.effects (job_id, ordinal, lease_no, claim_token, opened_at, repeat_until, state, effects, name,
                                  key, request_hash)
    select g.job_id, g.ordinal, g.lease_no, g.claim_token, easyflow.clock(),
           easyflow.clock() + g.key_window * interval '1 second', 'open', g.effects, g.name, g.key, g.request_hash
    from given as g join held using (job_id, claim_token)
    order by g.job_id, g.ordinal
    on conflict (job_id, ordinal) do nothing
)
select h.job_id is not null as held, e.state, e.name, e.effects, e.key, e.request_hash, e.claim_token,
       coalesce(e.repeat_until < easyflow.clock(), false) as expired, e.result, e.note
from given as g
left join held as h using (job_id, claim_token)
left join lateral (
    select * from easyflow.effects as e where e.job_id = g.job_id and e.ordinal = g.ordinal limit 1
) as e on true
order by g.place
